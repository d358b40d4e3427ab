// What a training kept of the batch at which it ended (train/fault.h): its images as a picture.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>

#include "core/error.h"
#include "pipelines/inspect_subject.h"
#include "report/montage.h"

namespace pipelines {
namespace {

constexpr std::int64_t kTilePixels = 128;
constexpr std::uint64_t kLargestSide = 4096;
constexpr std::size_t kMostSamples = 16;
const char* const kDamaged = "the file is damaged";

// One view's images as they lie in the file.
struct Images {
  std::uint64_t samples = 0, channels = 0, begin = 0;  // begin: of the bytes, after the header
  volume::Shape shape;
};

Images images_of(const boost::json::object& about) {
  const auto& sizes = about.at("shape").as_array();
  std::array<std::uint64_t, 5> n{};
  if (sizes.size() != n.size() || about.at("dtype").as_string() != "F32")
    throw core::Error("the images of the batch are none", kDamaged);
  std::uint64_t bytes = sizeof(float);
  for (std::size_t i = 0; i < n.size(); ++i) {
    n[i] = sizes[i].to_number<std::uint64_t>();
    if (n[i] < 1 || n[i] > kLargestSide || __builtin_mul_overflow(bytes, n[i], &bytes))
      throw core::Error("the images of the batch are none", kDamaged);
  }
  const auto& offsets = about.at("data_offsets").as_array();
  const auto begin = offsets.at(0).to_number<std::uint64_t>(), end = offsets.at(1).to_number<std::uint64_t>();
  if (end < begin || end - begin != bytes) throw core::Error("the images of the batch are none", kDamaged);
  const auto side = [&](std::size_t i) { return static_cast<std::int64_t>(n[i]); };
  return {n[0], n[1], begin, {side(2), side(3), side(4)}};
}

report::Picture picture_of(std::ifstream& file, std::uint64_t data, const Images& images, std::uint64_t sample,
                           const std::string& title) {
  volume::Volume image(images.shape, volume::VoxelType::kFloat32, {});
  const auto voxels = image.voxels<float>();
  file.seekg(
      static_cast<std::streamoff>(data + images.begin + sample * images.channels * voxels.size() * sizeof(float)));
  if (!file.read(reinterpret_cast<char*>(voxels.data()), static_cast<std::streamsize>(voxels.size() * sizeof(float))))
    throw core::Error("the images of the batch are cut short", kDamaged);
  for (float& voxel : voxels) {
    if (!std::isfinite(voxel)) voxel = 0;  // the facts tell of them
  }
  report::MontageOptions options;
  options.tile_pixels = kTilePixels;
  options.title = title;
  const auto middle = [](std::int64_t n) { return static_cast<double>(n / 2); };
  options.centre_mm =
      image.geometry.world({middle(images.shape.depth), middle(images.shape.height), middle(images.shape.width)});
  return report::montage(image, nullptr, nullptr, options);
}

}  // namespace

report::Picture fault_picture(const std::filesystem::path& path, const boost::json::object& header,
                              std::uint64_t data) {
  std::ifstream file(path, std::ios::binary);
  std::vector<report::Picture> pictures;
  try {
    for (std::size_t view = 0;; ++view) {
      const auto* const about = header.if_contains(fmt::format("view{}.images", view));
      if (about == nullptr) break;
      const Images images = images_of(about->as_object());
      for (std::uint64_t sample = 0; sample < images.samples && pictures.size() < kMostSamples; ++sample)
        pictures.push_back(picture_of(file, data, images, sample, fmt::format("sample {}, view {}", sample, view)));
    }
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception&) {
    throw core::Error("the images of the batch are none", kDamaged);
  }
  if (pictures.empty()) throw core::Error("the batch has no images", kDamaged);
  return report::contact_sheet(pictures, 2, 8);
}

}  // namespace pipelines
