#include "store/class_locations.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"

namespace store {
namespace {

constexpr std::int64_t kMostClasses = 65536;

[[noreturn]] void refuse_value(const std::string& value) {
  throw core::Error("the label map holds the value " + value,
                    "classes are whole numbers from 0 to 65535; check that this is a label map");
}

// body(position, class) for every voxel that is not 0.
template <class Body>
void for_each_class(const volume::Volume& map, Body&& body) {
  if (map.scale != 1.0 || map.offset != 0.0)
    throw core::Error("the label map has a scale", "store plain class numbers");
  volume::with_type(map.type(), [&]<class T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      throw core::Error("the label map holds fractions", "store class numbers in an integer type");
    } else {
      const std::span<const T> voxels = map.voxels<T>();
      for (std::size_t i = 0; i < voxels.size(); ++i) {
        if (voxels[i] == 0) continue;
        const auto value = static_cast<std::int64_t>(voxels[i]);
        if (value < 0 || value >= kMostClasses) refuse_value(std::to_string(value));
        body(static_cast<std::int64_t>(i), static_cast<std::size_t>(value));
      }
    }
  });
}

std::uint64_t seed_of(const std::string& key) {
  const std::array<std::uint8_t, 32> digest = [&] {
    core::Sha256 hash;
    hash.update(key);
    return hash.digest();
  }();
  std::uint64_t seed = 0;
  std::memcpy(&seed, digest.data(), sizeof seed);
  return seed;
}

}  // namespace

std::map<int, std::int64_t> count_classes(const volume::Volume& label_map) {
  std::vector<std::int64_t> counts(kMostClasses);
  for_each_class(label_map, [&](std::int64_t, std::size_t label) { ++counts[label]; });
  std::map<int, std::int64_t> found;
  for (std::size_t label = 0; label < counts.size(); ++label) {
    if (counts[label] > 0) found.emplace_hint(found.end(), static_cast<int>(label), counts[label]);
  }
  return found;
}

ClassLocations sample_class_locations(const volume::Volume& label_map, const std::string& key, std::int64_t per_class) {
  // One pass; a reservoir for each class (Vitter's algorithm R), its own stream of random numbers.
  struct Reservoir {
    core::Rng rng;
    std::int64_t seen = 0;
    std::vector<std::int64_t> kept;
  };
  std::vector<std::optional<Reservoir>> reservoirs(kMostClasses);
  const std::uint64_t seed = seed_of(key);
  for_each_class(label_map, [&](std::int64_t position, std::size_t label) {
    std::optional<Reservoir>& of = reservoirs[label];
    if (!of) of.emplace(Reservoir{core::Rng({seed, label, 0, 0}), 0, {}});
    const std::int64_t count = ++of->seen;
    if (count <= per_class) {
      of->kept.push_back(position);
    } else if (const auto place = static_cast<std::int64_t>(of->rng.below(static_cast<std::uint64_t>(count)));
               place < per_class) {
      of->kept[static_cast<std::size_t>(place)] = position;
    }
  });
  ClassLocations locations;
  const volume::Shape& shape = label_map.shape();
  for (std::size_t label = 0; label < reservoirs.size(); ++label) {
    if (!reservoirs[label]) continue;
    std::ranges::sort(reservoirs[label]->kept);
    for (const std::int64_t at : reservoirs[label]->kept) {
      const std::int64_t row = at / shape.width;
      locations[static_cast<int>(label)].push_back({static_cast<std::int32_t>(row / shape.height),
                                                    static_cast<std::int32_t>(row % shape.height),
                                                    static_cast<std::int32_t>(at % shape.width)});
    }
  }
  return locations;
}

}  // namespace store
