// From a case to its packed arrays.
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/hash.h"
#include "store/chunk_walk.h"
#include "store/class_locations.h"
#include "store/manifest.h"
#include "store/shard.h"

namespace store {
namespace {

volume::Volume narrowed(const volume::Volume& map, volume::VoxelType type) {
  volume::Volume result(map.shape(), type, map.geometry);
  volume::with_type(map.type(), [&]<class From>(From) {
    const auto copy = [&]<class To>(std::span<To> out) {
      const auto in = map.voxels<From>();
      for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<To>(in[i]);
    };
    if (type == volume::VoxelType::kUInt8) {
      copy(result.voxels<std::uint8_t>());
    } else {
      copy(result.voxels<std::uint16_t>());
    }
  });
  return result;
}

void check_labels(const CaseSummary& summary, const std::map<int, std::string>& names) {
  if (names.empty()) return;
  for (const auto& [label, count] : summary.label_voxels) {
    if (names.contains(label)) continue;
    std::string known;
    for (const auto& [number, name] : names) known += (known.empty() ? "" : ", ") + std::to_string(number) + " " + name;
    throw core::Error("the label map holds class " + std::to_string(label) + " (" + std::to_string(count) +
                          " voxels), which is not declared",
                      "declared are " + known + "; declare it, or correct the label map");
  }
}

void check_locations(const ClassLocations& locations, const volume::Shape& shape) {
  for (const auto& [label, voxels] : locations) {
    for (const auto& voxel : voxels) {
      for (std::size_t axis = 0; axis < 3; ++axis) {
        GADOLIN_CHECK(voxel[axis] >= 0 && voxel[axis] < shape[static_cast<int>(axis)]);
      }
    }
  }
}

CaseSummary summarise(const volume::Case& one) {
  const volume::Volume& reference = one.reference();
  CaseSummary summary;
  summary.id = one.id;
  summary.shape = reference.shape();
  summary.geometry = reference.geometry;
  for (const volume::Channel& channel : one.channels) {
    ChannelSummary about{channel.name, channel.modality};
    if (channel.image) {
      about.present = true;
      about.type = channel.image->type();
      about.scale = channel.image->scale;
      about.offset = channel.image->offset;
    }
    summary.channels.push_back(std::move(about));
  }
  for (const auto& [name, value] : one.scalars) {
    if (!std::isfinite(value)) {
      throw core::Error("scalar '" + name + "' is not a finite number", "leave it out where it is not known");
    }
  }
  summary.scalars = one.scalars;
  summary.boxes = one.boxes;
  summary.report = one.report;
  summary.facts = one.facts;
  summary.groups = one.groups;
  require_utf8(summary);
  return summary;
}

}  // namespace

PackedArray pack_array(std::string name, const volume::Shape& shape, volume::VoxelType type,
                       std::span<const std::byte> bytes, const Layout& layout) {
  const std::size_t width = volume::size_bytes(type);
  const volume::Shape chunk = chunk_shape(shape, width, layout.patch);
  PackedArray array{std::move(name), shape, chunk, type, {}};
  const Box whole{{0, 0, 0}, shape};
  for_each_chunk(shape, chunk, whole, [&](std::int64_t, const Box& piece) {
    std::vector<std::byte> raw(static_cast<std::size_t>(chunk.voxels()) * width);
    for_each_shared_row(whole, shape, piece, chunk, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
      std::memcpy(raw.data() + static_cast<std::size_t>(to) * width,
                  bytes.data() + static_cast<std::size_t>(from) * width, static_cast<std::size_t>(n) * width);
    });
    array.chunks.push_back(pack(raw, width, layout.compression));
  });
  return array;
}

std::int64_t PackedCase::size_bytes() const {
  std::size_t total = 0;
  for (const PackedArray& array : arrays) {
    for (const PackedChunk& chunk : array.chunks) total += chunk.bytes.size();
  }
  return static_cast<std::int64_t>(total);
}

PackedCase pack_case(const volume::Case& one, const std::map<int, std::string>& label_names,
                     const ClassLocations* locations, const Layout& layout) {
  one.check();
  PackedCase packed;
  packed.summary = summarise(one);
  CaseSummary& summary = packed.summary;
  core::Sha256 hash;
  const auto keep = [&](std::string name, const volume::Shape& shape, volume::VoxelType type,
                        std::span<const std::byte> bytes) {
    hash.update(name);
    hash.update(bytes);
    packed.arrays.push_back(pack_array(std::move(name), shape, type, bytes, layout));
  };
  for (std::size_t c = 0; c < one.channels.size(); ++c) {
    if (!one.channels[c].image) continue;
    const volume::Volume& image = *one.channels[c].image;
    keep(channel_array(static_cast<std::int64_t>(c)), image.shape(), image.type(), image.bytes());
  }
  if (one.label_map) {
    summary.has_labels = true;
    summary.label_voxels = count_classes(*one.label_map);
    check_labels(summary, label_names);
    const bool narrow = summary.label_voxels.empty() || summary.label_voxels.rbegin()->first < 256;
    summary.label_type = narrow ? volume::VoxelType::kUInt8 : volume::VoxelType::kUInt16;
    const volume::Volume map = narrowed(*one.label_map, summary.label_type);
    keep(kLabelsArray, map.shape(), map.type(), map.bytes());
    const ClassLocations sampled = locations != nullptr ? *locations : sample_class_locations(map, one.id);
    check_locations(sampled, map.shape());
    for (const auto& [label, voxels] : sampled) {
      if (voxels.empty()) continue;
      keep(locations_array(label), {1, static_cast<std::int64_t>(voxels.size()), 3}, volume::VoxelType::kInt32,
           std::as_bytes(std::span(voxels)));
    }
  }
  hash.update(summary_text(summary));
  summary.hash = hash.hex();
  return packed;
}

}  // namespace store
