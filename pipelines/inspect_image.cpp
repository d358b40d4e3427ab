// Images and cohorts outside of a store, read as io reads them.
#ifdef GADOLIN_HAS_IMAGING
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/source.h"
#include "pipelines/inspect_subject.h"
#include "report/montage.h"

namespace pipelines {
namespace {

constexpr std::int64_t kPictured = 12;

// Whole numbers, few of them, none negative: shown with its classes.
bool like_labels(const volume::Volume& image) {
  if (image.type() == volume::VoxelType::kFloat32 || image.type() == volume::VoxelType::kFloat64) return false;
  if (image.scale != 1 || image.offset != 0) return false;
  return volume::with_type(image.type(), [&](auto kind) {
    const auto voxels = image.voxels<decltype(kind)>();
    return std::all_of(voxels.begin(), voxels.end(), [](auto v) { return v >= 0 && v <= 20; });
  });
}

std::int64_t labelled(const io::Cohort& cohort) {
  return std::count_if(cohort.entries.begin(), cohort.entries.end(),
                       [](const io::Entry& e) { return e.label.has_value(); });
}

Subject inspect_found_case(const std::shared_ptr<io::Cohort>& cohort, const io::Entry& entry, std::int64_t slices) {
  const auto one = std::make_shared<volume::Case>(io::load(entry, *cohort));
  Subject subject{"case", case_facts(*one, cohort->label_names), {}, "", {}};
  subject.picture = [one, cohort, slices] { return case_picture(*one, cohort->label_names, slices); };
  return subject;
}

// Evenly over the cohort; what cannot be read is passed over with a warning.
report::Picture cohort_picture(const io::Cohort& cohort) {
  std::vector<report::Picture> pictures;
  const auto all = static_cast<std::int64_t>(cohort.entries.size()), count = std::min(kPictured, all);
  for (std::int64_t i = 0; i < count; ++i) {
    const io::Entry& entry = cohort.entries[static_cast<std::size_t>(i * all / count)];
    try {
      pictures.push_back(small_picture(io::load(entry, cohort), cohort.label_names));
    } catch (const core::Error& error) {
      core::log_warn(error.what());
    }
  }
  if (pictures.empty())
    throw core::Error("none of the cases looked at can be read", "gadolin ingest --dry-run tells why");
  return report::contact_sheet(pictures, 3, 8);
}

core::Table entry_table(const io::Cohort& cohort) {
  core::Table table{{"case", "patient", "files", "channels", "label", "targets"}, {}};
  for (const io::Entry& entry : cohort.entries) {
    std::string channels, targets;
    for (const auto& channel : entry.channels) channels += (channels.empty() ? "" : " ") + channel.name;
    for (const auto& [name, value] : entry.scalars) targets += (targets.empty() ? "" : " ") + name;
    table.add({entry.id, entry.groups.patient, std::to_string(io::with_files(entry, cohort).files.size()), channels,
               entry.label ? "yes" : "no", targets});
  }
  return table;
}

}  // namespace

bool is_image(const std::filesystem::path& path) { return io::format_of(path) != nullptr; }

Subject inspect_image(const InspectRequest& request) {
  const auto image = std::make_shared<volume::Volume>(io::read_image(request.path));
  std::shared_ptr<volume::Volume> label;
  if (!request.label.empty()) label = std::make_shared<volume::Volume>(io::read_image(request.label));
  Subject subject{"image", {fact("format", std::string(io::format_of(request.path)->name))}, {}, "", {}};
  for (Fact& each : grid_facts(image->shape(), image->geometry)) subject.facts.push_back(std::move(each));
  for (Fact& each : value_facts(*image)) subject.facts.push_back(std::move(each));
  const bool map_itself = !label && like_labels(*image);
  if (label || map_itself) {
    for (Fact& each : label_facts(label ? *label : *image, {})) subject.facts.push_back(std::move(each));
  }
  if (map_itself) label = image;
  subject.picture = [image, label, slices = request.slices] {
    report::MontageOptions options;
    options.slices_per_plane = slices;
    if (slices > 1) options.tile_pixels = 180;
    return report::montage(*image, label.get(), nullptr, options);
  };
  return subject;
}

Subject inspect_cohort(const InspectRequest& request) {
  io::LayoutOptions options;
  options.threads = core::usable_processors();
  const auto cohort = std::make_shared<io::Cohort>(io::find_cohort(request.path, options));
  const auto& entries = cohort->entries;
  if (!request.case_id.empty()) {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const io::Entry& e) { return e.id == request.case_id; });
    if (found == entries.end()) {
      throw core::usage_error("there is no case '" + request.case_id + "'",
                              "gadolin inspect " + request.path.string() + " lists the cases");
    }
    return inspect_found_case(cohort, *found, request.slices);
  }
  if (entries.size() == 1) return inspect_found_case(cohort, entries.front(), request.slices);
  std::set<std::string> patients;
  for (const io::Entry& entry : entries) patients.insert(entry.groups.patient);
  Subject subject{"cohort", {fact("layout", cohort->layout)}, {}, "", {}};
  subject.facts.push_back(fact("cases", static_cast<std::int64_t>(entries.size())));
  subject.facts.push_back(fact("patients", static_cast<std::int64_t>(patients.size())));
  subject.facts.push_back(fact("with labels", labelled(*cohort)));
  for (const auto& [label, name] : cohort->label_names)
    subject.facts.push_back(fact(fmt::format("class {}", label), name));
  for (const std::string& note : cohort->notes) subject.facts.push_back(fact("note", note));
  subject.cases = entry_table(*cohort);
  subject.picture = [cohort] { return cohort_picture(*cohort); };
  return subject;
}

}  // namespace pipelines
#endif
