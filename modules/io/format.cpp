#include "io/format.h"

#include <algorithm>
#include <bit>

#include "io/reject.h"

#define GADOLIN_FORMATS(X) X(nifti) X(nrrd) X(mha)

namespace io {

#define X(name) extern const Format name##_format;
GADOLIN_FORMATS(X)
#undef X

namespace {

std::string lower_name(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

const Format& required(const std::filesystem::path& path) {
  const Format* format = format_of(path);
  if (format != nullptr) return *format;
  std::string known;
  for (const Format* each : formats()) {
    for (const std::string_view extension : each->extensions)
      known += (known.empty() ? "" : " ") + std::string(extension);
  }
  throw reject("NOT_AN_IMAGE", "no image format is named like this", "known are " + known);
}

// By the bits of the exponent, in blocks that the compiler turns into vector code.
template <class T>
void require_finite(std::span<const T> voxels) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits kAll = sizeof(T) == 4 ? Bits{0x7F800000} : static_cast<Bits>(0x7FF0000000000000);
  constexpr std::size_t kBlock = 1024;
  const auto count = [](const T* at, std::size_t size) {
    Bits bad = 0;
    for (std::size_t i = 0; i < size; ++i) bad += (std::bit_cast<Bits>(at[i]) & kAll) == kAll;
    return static_cast<std::uint64_t>(bad);
  };
  std::uint64_t bad = 0;
  std::size_t at = 0;
  for (; at + kBlock <= voxels.size(); at += kBlock) bad += count(voxels.data() + at, kBlock);
  bad += count(voxels.data() + at, voxels.size() - at);
  if (bad > 0) {
    throw reject("NONFINITE", std::to_string(bad) + " voxels are NaN or infinite",
                 "replace them by the background's value and save the image again");
  }
}

}  // namespace

std::span<const Format* const> formats() {
#define X(name) &name##_format,
  static const Format* const kAll[] = {GADOLIN_FORMATS(X)};
#undef X
  return kAll;
}

bool has_extension(const std::filesystem::path& path, std::span<const std::string_view> extensions) {
  const std::string name = lower_name(path);
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](std::string_view e) { return name.size() > e.size() && name.ends_with(e); });
}

const Format* format_of(const std::filesystem::path& path) {
  for (const Format* format : formats()) {
    if (format->mine(path)) return format;
  }
  return nullptr;
}

std::string stem_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string(), lower = lower_name(path);
  std::size_t longest = 0;
  for (const Format* format : formats()) {
    for (const std::string_view e : format->extensions) {
      if (lower.size() > e.size() && lower.ends_with(e)) longest = std::max(longest, e.size());
    }
  }
  return longest > 0 ? name.substr(0, name.size() - longest) : path.stem().string();
}

volume::Volume read_image(const std::filesystem::path& path) { return read_image(path, 0, 0); }

volume::Volume read_image(const std::filesystem::path& path, std::int64_t number, std::int64_t of) {
  return core::with_context("read " + path.filename().string(), [&] {
    const Format& format = required(path);
    GADOLIN_CHECK(number == 0 || format.read_one != nullptr);
    volume::Volume image = number == 0 ? format.read(path) : format.read_one(path, number, of);
    image.geometry.check();
    if (image.type() == volume::VoxelType::kFloat32) require_finite<float>(std::as_const(image).voxels<float>());
    if (image.type() == volume::VoxelType::kFloat64) require_finite<double>(std::as_const(image).voxels<double>());
    return image;
  });
}

void write_image(const std::filesystem::path& path, const volume::Volume& volume) {
  core::with_context("write " + path.filename().string(), [&] {
    if (volume.shape().voxels() <= 0) throw core::Error("the volume is empty");
    volume.geometry.check();
    required(path).write(path, volume);
  });
}

std::uint64_t checked_size(const volume::Shape& shape, volume::VoxelType type, std::string_view reason) {
  std::uint64_t bytes = volume::size_bytes(type);
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t side = shape[axis];
    if (side <= 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(side), &bytes) ||
        bytes > kLargestImageBytes) {
      throw reject(reason,
                   "the header promises " + std::to_string(shape.width) + " x " + std::to_string(shape.height) + " x " +
                       std::to_string(shape.depth) + " voxels",
                   "the header is damaged, or the image is larger than 16 GiB; export it again");
    }
  }
  return bytes;
}

}  // namespace io
