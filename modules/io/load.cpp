// io::load: an entry becomes a checked case.
#include <algorithm>
#include <cmath>
#include <set>

#include "io/dicom.h"
#include "io/format.h"
#include "io/label_map.h"
#include "io/layout.h"
#include "io/reject.h"
#include "io/source.h"
#include "volume/reorient.h"

namespace io {
namespace {

using volume::Volume;
using volume::VoxelType;

constexpr double kToleranceMm = 0.1;

std::string sides(const volume::Shape& s) {
  return std::to_string(s.width) + " x " + std::to_string(s.height) + " x " + std::to_string(s.depth);
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

double farthest_corner_mm(const volume::Geometry& a, const volume::Geometry& b, const volume::Shape& shape) {
  double farthest = 0;
  for (int corner = 0; corner < 8; ++corner) {
    volume::Index index{};
    for (int axis = 0; axis < 3; ++axis)
      index[static_cast<std::size_t>(axis)] = (corner >> axis) & 1 ? static_cast<double>(shape[axis] - 1) : 0.0;
    const volume::Point p = a.world(index), q = b.world(index);
    farthest = std::max(farthest, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return farthest;
}

void require_same_grid(const Volume& image, const Volume& other, const std::string& what) {
  if (!(image.shape() == other.shape())) {
    throw reject("GRID_MISMATCH", what + " has " + sides(other.shape()) + " voxels, the image " + sides(image.shape()),
                 "check that they belong together, or resample one to the other's grid");
  }
  const double distance = farthest_corner_mm(image.geometry, other.geometry, image.shape());
  if (!(distance <= kToleranceMm)) {
    throw reject("GRID_MISMATCH", what + " lies " + short_number(distance) + " mm away from the image",
                 "origin, spacing or direction differ: check that they belong together, or resample one to the other's "
                 "grid");
  }
}

// The label map with its axes in the image's order: tools flip and swap them on their way from DICOM to NIfTI. No voxel
// moves in the world; whether the grids are one is asked afterwards.
Volume on_axes_of(const Volume& image, Volume label) {
  const std::string wanted = volume::orientation(image.geometry);
  if (volume::orientation(label.geometry) == wanted) return label;
  return volume::turned(label, volume::turn_towards(label.geometry, wanted));
}

// Whole numbers from 0 to 65535 as uint8 or uint16, whatever type they were stored in.
Volume as_classes(const Volume& label) {
  std::vector<std::uint16_t> classes(static_cast<std::size_t>(label.shape().voxels()));
  std::uint16_t largest = 0;
  volume::with_type(label.type(), [&]<class T>(T) {
    const auto voxels = label.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i) {
      const double value = static_cast<double>(voxels[i]) * label.scale + label.offset;
      if (value != std::floor(value) || value < 0 || value > 65535) {
        throw reject("LABEL_VALUE", "the label map holds the value " + short_number(value),
                     "labels are whole numbers from 0 (background) to 65535");
      }
      classes[i] = static_cast<std::uint16_t>(value);
      largest = std::max(largest, classes[i]);
    }
  });
  Volume result(label.shape(), largest < 256 ? VoxelType::kUInt8 : VoxelType::kUInt16, label.geometry);
  volume::with_type(result.type(), [&]<class T>(T) {
    if constexpr (sizeof(T) <= 2) {
      auto voxels = result.voxels<T>();
      std::transform(classes.begin(), classes.end(), voxels.begin(), [](std::uint16_t c) { return static_cast<T>(c); });
    }
  });
  return result;
}

void require_declared(const Volume& classes, const std::map<int, std::string>& names) {
  if (names.empty()) return;
  std::set<int> others;
  volume::with_type(classes.type(), [&]<class T>(T) {
    std::vector<bool> seen(65536);
    for (const T value : classes.voxels<T>()) seen[static_cast<std::uint16_t>(value)] = true;
    for (int value = 1; value < 65536; ++value) {
      if (seen[static_cast<std::size_t>(value)] && names.count(value) == 0) others.insert(value);
    }
  });
  if (others.empty()) return;
  std::string found, declared;
  for (const int value : others) {
    if (found.size() < 60) found += (found.empty() ? "" : ", ") + std::to_string(value);
  }
  for (const auto& [value, name] : names)
    declared += (declared.empty() ? "" : ", ") + std::to_string(value) + " " + name;
  throw reject("LABEL_VALUE", "the label map holds " + found + ", declared are " + declared,
               "declare every class (dataset.json, --labels) or correct the label map");
}

// An image file, or a DICOM series as a folder or one file, which tells more than its voxels.
Volume read_channel(const ChannelFile& file, const Cohort& cohort, volume::Channel& channel, volume::Case& one) {
  const std::filesystem::path& path = file.path;
  if (!std::filesystem::is_directory(path) && !(format_of(path) == nullptr && looks_like_dicom(path)))
    return read_image(path, file.volume, file.volumes);
  DicomVolume read = core::with_context("read " + path.filename().string(),
                                        [&] { return read_dicom_folder(path, cohort.key, cohort.burned_in); });
  if (channel.modality == "OT") channel.modality = read.modality;
  one.groups = std::move(read.groups);
  one.facts.insert(read.facts.begin(), read.facts.end());
  one.notes.insert(one.notes.end(), read.notes.begin(), read.notes.end());
  return std::move(read.image);
}

volume::Case read_series(const Entry& entry, const Cohort& cohort) {
  DicomSeries series;
  series.files = with_files(entry, cohort).files;
  series.only = entry.only;
  series.facts = entry.facts;
  DicomVolume read = read_dicom(series, cohort.key, cohort.burned_in);
  volume::Case one;
  one.channels.push_back({"image", read.modality, std::move(read.image)});
  one.groups = std::move(read.groups);
  one.facts = read.facts;
  one.notes = std::move(read.notes);
  attach(entry.attached, read, cohort.label_names, cohort.key, one);
  return one;
}

volume::Case read_channels(const Entry& entry, const Cohort& cohort) {
  volume::Case one;
  const Volume* reference = nullptr;
  one.channels.reserve(entry.channels.size());
  for (const ChannelFile& file : entry.channels) {
    one.channels.push_back({file.name, file.modality, std::nullopt});
    if (file.path.empty()) continue;
    Volume image = read_channel(file, cohort, one.channels.back(), one);
    if (reference != nullptr) require_same_grid(*reference, image, "channel '" + file.name + "'");
    one.channels.back().image = std::move(image);
    if (reference == nullptr) reference = &*one.channels.back().image;
  }
  if (reference == nullptr) throw reject("NO_IMAGE", "no image file is given", "fill the image column of the table");
  return one;
}

}  // namespace

volume::Case load(const Entry& entry, const Cohort& cohort) {
  volume::Case one = core::with_context("case " + entry.id, [&] {
    if (entry.refused) throw reject(entry.refused->code, entry.refused->story, entry.refused->hint);
    volume::Case made = entry.is_series ? read_series(entry, cohort) : read_channels(entry, cohort);
    if (entry.label) {
      core::with_context("label " + entry.label->filename().string(), [&] {
        const Volume label = on_axes_of(made.reference(), read_image(*entry.label));
        require_same_grid(made.reference(), label, "it");
        made.label_map = as_classes(label);
        require_declared(*made.label_map, cohort.label_names);
      });
    }
    return made;
  });
  one.id = entry.id;
  // A table wins over what the images tell, and that over the id, which stands in for a patient who is not told.
  if (one.groups.patient.empty() || entry.patient_told) one.groups.patient = entry.groups.patient;
  if (!entry.groups.site.empty()) one.groups.site = entry.groups.site;
  if (!entry.groups.vendor.empty()) one.groups.vendor = entry.groups.vendor;
  for (const auto& [name, value] : entry.scalars) one.scalars[name] = value;
  for (const auto& [name, text] : entry.facts) one.facts[name] = text;
  if (!entry.report.empty()) one.report = entry.report;
  one.notes.insert(one.notes.end(), entry.notes.begin(), entry.notes.end());
  one.check();
  return one;
}

}  // namespace io
