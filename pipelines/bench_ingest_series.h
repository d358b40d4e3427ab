#pragma once
// The series that `bench ingest` reads: a CT with the noise of a scanner, 12 bits in words of 16, one file a slice,
// written in the temporary folder in each encoding.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "volume/volume.h"

namespace pipelines {

enum class BenchCodec { kNone, kRle, kJpegLossless, kJpegLs, kJpeg2000 };

struct BenchSeries {
  BenchCodec codec = BenchCodec::kNone;
  std::vector<std::filesystem::path> files;    // in the order of the slices
  std::vector<std::vector<std::byte>> frames;  // the compressed frames alone; empty when uncompressed
};

// uint16 from 0 to 4095; HU with its offset.
volume::Volume bench_ct(std::int64_t edge, std::int64_t slices);

BenchSeries bench_series(const std::filesystem::path& folder, const volume::Volume& ct, BenchCodec codec);

// The voxels by others, into memory as long as the volume. They throw Error when they cannot.
// The frames alone through the same library's decoder, without any file.
void decode_bare(const BenchSeries& series, std::span<std::uint16_t> target);
// DCMTK: each file whole, its pixels copied.
void read_by_dcmtk(const BenchSeries& series, std::span<std::uint16_t> target);
// ITK's series reader on GDCM, told the files in their order; or, `sorted`, finding the order by itself. Calls `see`
// with the voxels in HU.
void read_by_itk(const BenchSeries& series, bool sorted, const std::function<void(std::span<const std::int16_t>)>& see);

}  // namespace pipelines
