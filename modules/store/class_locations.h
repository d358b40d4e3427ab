#pragma once
// Which voxels show which class: a sample of at most `per_class` a class, so that a view can be laid where a small
// organ is without reading the label map.

#include <cstdint>
#include <map>
#include <string>

#include "store/summary.h"

namespace store {

// Voxels of every class but 0. Throws Error for negative values, values above 65535 and maps of fractions.
std::map<int, std::int64_t> count_classes(const volume::Volume& label_map);

// Drawn evenly over the class, in the order of the voxels; the same for the same map, count and `key` (the case's id).
ClassLocations sample_class_locations(const volume::Volume& label_map, const std::string& key,
                                      std::int64_t per_class = 1000);

}  // namespace store
