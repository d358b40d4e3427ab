#pragma once
// 4-D NIfTI files (times, echoes, b-values) in layouts that do not say what the fourth dimension is: a case for each
// volume, as for the volumes of a DICOM series.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "io/layout.h"
#include "io/nifti_header.h"

namespace io {

inline constexpr std::int64_t kMostVolumes = 4096;  // of a file; one of more stays one entry, which load() refuses

// The header of a NIfTI file; nothing for any other file and for one that load() will refuse.
std::optional<NiftiHeader> sound_nifti_header(const std::filesystem::path& path);

// Each entry whose one image is a 4-D file becomes an entry a volume: ids end in "-1", "-2" ..., facts tell `volume`
// ("2 of 30") and, where the header does, volume_step_s; the patient is that of the file. Reads headers alone. An entry
// with a label stays whole, and is refused [NIFTI_4D]: nothing tells which of the volumes was labelled.
void part_nifti_volumes(std::vector<Entry>& entries);

}  // namespace io
