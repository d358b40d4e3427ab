#include "io/label_map.h"

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/hash.h"
#include "io/class_names.h"
#include "io/dicom_report.h"
#include "io/label_object.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;
using volume::Volume;

// The classes of an object that are wanted: their numbers, 0 for others.
struct Source {
  std::unique_ptr<LabelObject> object;
  std::vector<int> numbers;
  std::string name;
};

std::map<std::string, int> numbers_by_key(const std::map<int, std::string>& names) {
  std::map<std::string, int> numbers;
  for (const auto& [number, name] : names) {
    if (number > 0) numbers.emplace(class_key(name), number);
  }
  return numbers;
}

class LabelMap {
 public:
  LabelMap(const LabelGrid& grid, const std::map<int, std::string>& names) : grid_(grid), names_(names) {}

  // Takes an object that lies on the grid.
  void add(std::unique_ptr<LabelObject> object, const std::string& name, std::set<std::string>& notes) {
    const std::map<std::string, int> numbers = numbers_by_key(names_);
    Source source{std::move(object), {}, name};
    std::vector<bool> wanted;
    for (const std::string& label : source.object->classes) {
      const auto found = numbers.find(class_key(label));
      source.numbers.push_back(found == numbers.end() ? 0 : found->second);
      wanted.push_back(source.numbers.back() != 0);
      if (!wanted.back()) notes.insert("LABEL_LEFT_OUT");
    }
    source.object->place(grid_, wanted);
    notes.insert(source.object->notes.begin(), source.object->notes.end());
    for (const int number : source.numbers) {
      if (number == 0) continue;
      const auto [there, added] = owners_.emplace(number, source.name);
      if (!added)
        throw reject("LABEL_TWICE", "class '" + names_.at(number) + "' is in it and in " + there->second,
                     "keep the one that is right: which of two readers to trust cannot be told");
    }
    sources_.push_back(std::move(source));
  }

  // Nothing where no object has a wanted class.
  std::optional<Volume> painted(std::set<std::string>& notes) {
    if (owners_.empty()) return std::nullopt;
    count();
    const bool narrow = owners_.rbegin()->first < 256;
    Volume map(grid_.shape, narrow ? volume::VoxelType::kUInt8 : volume::VoxelType::kUInt16, grid_.geometry);
    if (narrow)
      paint<std::uint8_t>(map);
    else
      paint<std::uint16_t>(map);
    judge(notes);
    return map;
  }

 private:
  struct Overlap {
    std::map<int, std::int64_t> with;  // voxels of a class that were another's, by that
  };

  // The wanted masks of a plane, by number.
  std::map<int, std::vector<std::uint8_t>> plane(std::int64_t d) {
    std::map<int, std::vector<std::uint8_t>> all;
    for (Source& source : sources_) {
      PlaneMasks masks(source.numbers.size());
      core::with_context("label " + source.name, [&] { source.object->add_plane(d, masks); });
      for (std::size_t i = 0; i < masks.size(); ++i) {
        if (!masks[i].empty() && source.numbers[i] != 0) all[source.numbers[i]] = std::move(masks[i]);
      }
    }
    return all;
  }

  void count() {
    for (std::int64_t d = 0; d < grid_.shape.depth; ++d) {
      for (const auto& [number, mask] : plane(d)) voxels_[number] += std::count(mask.begin(), mask.end(), 1);
    }
    for (const auto& [number, voxels] : voxels_) order_.push_back(number);
    std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) { return voxels_[a] > voxels_[b]; });
  }

  // The largest class first, so that what lies in another comes upon it.
  template <class T>
  void paint(Volume& map) {
    const auto size = static_cast<std::size_t>(grid_.shape.height * grid_.shape.width);
    std::vector<std::int64_t> met(owners_.rbegin()->first + 1U);
    for (std::int64_t d = 0; d < grid_.shape.depth; ++d) {
      const auto masks = plane(d);
      const std::span<T> voxels = map.voxels<T>().subspan(static_cast<std::size_t>(d) * size, size);
      for (const int number : order_) {
        const auto found = masks.find(number);
        if (found == masks.end()) continue;
        std::fill(met.begin(), met.end(), 0);
        for (std::size_t i = 0; i < size; ++i) {
          if (found->second[i] == 0) continue;
          ++met[voxels[i]];
          voxels[i] = static_cast<T>(number);
        }
        for (std::size_t other = 1; other < met.size(); ++other) {
          if (met[other] > 0) overlaps_[number].with[static_cast<int>(other)] += met[other];
        }
      }
    }
  }

  // A class may lie wholly in one larger class, and in nothing else.
  void judge(std::set<std::string>& notes) const {
    for (const auto& [number, overlap] : overlaps_) {
      const auto& [other, shared] = *overlap.with.begin();
      const std::int64_t own = voxels_.at(number), all = voxels_.at(other);
      if (overlap.with.size() == 1 && shared == own && own < all) {
        notes.insert("LABEL_NESTED");
        continue;
      }
      throw reject("LABEL_OVERLAP",
                   "classes '" + names_.at(number) + "' and '" + names_.at(other) + "' share " +
                       std::to_string(shared) + " voxels, of " + std::to_string(own) + " and " + std::to_string(all),
                   "a voxel has one class: name those you need with --labels, or correct the object");
    }
  }

  const LabelGrid& grid_;
  const std::map<int, std::string>& names_;
  std::vector<Source> sources_;
  std::map<int, std::string> owners_;  // which object has a class
  std::map<int, std::int64_t> voxels_;
  std::vector<int> order_;
  std::map<int, Overlap> overlaps_;
};

std::unique_ptr<LabelObject> opened(const Attachment& attachment, const DeidKey& key) {
  return attachment.kind == AttachedKind::kSegmentation ? open_segmentation(attachment.file, key)
                                                        : open_structures(attachment.file, key);
}

// Of a series of several volumes an object may name the images of one.
bool is_of_another_volume(const LabelObject& object, const DicomVolume& read) {
  if (object.instances.empty() || read.facts.count("volume") == 0) return false;
  return std::none_of(object.instances.begin(), object.instances.end(),
                      [&](const std::string& instance) { return read.instances.count(instance) > 0; });
}

void add_label(const Attachment& attachment, const DicomVolume& read, const DeidKey& key, LabelMap& map,
               std::set<std::string>& notes) {
  try {
    std::unique_ptr<LabelObject> object = opened(attachment, key);
    if (!is_of_another_volume(*object, read)) map.add(std::move(object), attachment.name, notes);
  } catch (const core::Error& error) {
    const std::string code = reason_of(error);
    if (attachment.alone || (code != "GRID_MISMATCH" && code != "FRAME_OF_REFERENCE")) throw;
    notes.insert("LABEL_ELSEWHERE");
  }
}

std::optional<Volume> map_of(std::span<const Attachment> labels, const LabelGrid& grid, const DicomVolume& read,
                             const std::map<int, std::string>& numbers, const DeidKey& key,
                             std::set<std::string>& notes) {
  LabelMap map(grid, numbers);
  for (const Attachment& label : labels)
    core::with_context("label " + label.name, [&] { add_label(label, read, key, map, notes); });
  return map.painted(notes);
}

// One that cannot be read costs the text, not the image.
void add_report(const fs::path& file, std::vector<DicomReport>& reports, std::set<std::string>& notes) {
  try {
    reports.push_back(read_report(file));
  } catch (const core::Error&) {
    notes.insert("REPORT_UNREAD");
  }
}

// In the order in which they were written.
void add_reports(std::vector<DicomReport> reports, volume::Case& one, std::set<std::string>& notes) {
  std::stable_sort(reports.begin(), reports.end(),
                   [](const DicomReport& a, const DicomReport& b) { return a.when < b.when; });
  for (const DicomReport& report : reports) {
    notes.insert(report.notes.begin(), report.notes.end());
    if (report.text.empty()) continue;
    if (!one.report.empty()) one.report += "\n\n";
    one.report += report.text;
  }
}

}  // namespace

std::vector<std::uint8_t>& mask_of(PlaneMasks& masks, std::size_t which, const volume::Shape& shape) {
  std::vector<std::uint8_t>& mask = masks[which];
  if (mask.empty()) mask.resize(static_cast<std::size_t>(shape.height * shape.width));
  return mask;
}

void attach(std::span<const Attachment> attached, const DicomVolume& read, const std::map<int, std::string>& numbers,
            const DeidKey& key, volume::Case& one) {
  if (attached.empty()) return;
  std::vector<Attachment> labels;
  std::vector<DicomReport> reports;
  std::set<std::string> notes, seen;
  for (const Attachment& attachment : attached) {
    if (!seen.insert(core::sha256_file_hex(attachment.file)).second) {
      notes.insert("DUPLICATE");
    } else if (attachment.kind == AttachedKind::kReport) {
      add_report(attachment.file, reports, notes);
    } else {
      labels.push_back(attachment);
    }
  }
  try {
    std::set<std::string> label_notes;
    one.label_map = map_of(labels, {one.reference().geometry, one.reference().shape(), read.frame_of_reference}, read,
                           numbers, key, label_notes);
    notes.merge(label_notes);
  } catch (const core::Error& error) {
    if (labels.front().wanted) throw;
    notes.insert("LABEL_UNUSABLE");
    one.facts["label_unusable"] = reason_of(error);
  }
  add_reports(std::move(reports), one, notes);
  one.notes.insert(one.notes.end(), notes.begin(), notes.end());
}

}  // namespace io
