#include "io/nifti_volumes.h"

#include <array>

#include "core/table.h"
#include "io/format.h"

namespace io {
namespace {

std::vector<Entry> one_for_each(const Entry& entry, const NiftiHeader& header) {
  std::vector<Entry> volumes;
  for (std::int64_t number = 1; number <= header.volumes; ++number) {
    Entry& one = volumes.emplace_back(entry);
    one.id += "-" + std::to_string(number);
    if (one.groups.patient.empty()) one.groups.patient = entry.id;
    one.channels.front().volume = number;
    one.channels.front().volumes = header.volumes;
    one.facts["volume"] = std::to_string(number) + " of " + std::to_string(header.volumes);
    if (header.step_s > 0) one.facts["volume_step_s"] = core::shortest(header.step_s);
  }
  return volumes;
}

}  // namespace

std::optional<NiftiHeader> sound_nifti_header(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 4> kNifti{".nii", ".nii.gz", ".hdr", ".hdr.gz"};
  if (!has_extension(path, kNifti)) return std::nullopt;
  try {
    return read_nifti_header(path);
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

void part_nifti_volumes(std::vector<Entry>& entries) {
  std::vector<Entry> all;
  all.reserve(entries.size());
  for (Entry& entry : entries) {
    std::optional<NiftiHeader> header;
    if (entry.channels.size() == 1 && !entry.label) header = sound_nifti_header(entry.channels.front().path);
    if (!header || header->volumes == 1 || header->volumes > kMostVolumes) {
      all.push_back(std::move(entry));
      continue;
    }
    for (Entry& one : one_for_each(entry, *header)) all.push_back(std::move(one));
  }
  entries = std::move(all);
}

}  // namespace io
