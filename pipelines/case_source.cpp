#include "pipelines/case_source.h"

#include <algorithm>

#include "core/config.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "pipelines/split.h"
#include "store/reader.h"
#ifdef GADOLIN_HAS_IMAGING
#include "io/format.h"
#include "io/layout.h"
#include "io/source.h"
#endif

namespace pipelines {
namespace {

namespace fs = std::filesystem;

class StoredCases : public CaseSource {
 public:
  explicit StoredCases(const fs::path& folder) : reader_(folder) {
    for (std::int64_t i = 0; i < reader_.size(); ++i) {
      const store::CaseSummary& one = reader_.summary(i);
      cases_.push_back({one.id, one.groups.patient.empty() ? one.id : one.groups.patient, one.has_labels, one.scalars});
    }
  }
  volume::Case load(std::size_t at) const override { return reader_.load(static_cast<std::int64_t>(at)); }
  volume::Volume label_map(std::size_t at) const override {
    const std::int64_t index = static_cast<std::int64_t>(at);
    return reader_.read_labels(index, reader_.whole(index));
  }
  std::string hash(std::size_t at) const override { return reader_.summary(static_cast<std::int64_t>(at)).hash; }
  const std::map<int, std::string>& label_names() const override { return reader_.label_names(); }
  std::string plan_yaml() const override { return reader_.plan_yaml(); }

 private:
  store::Reader reader_;
};

#ifdef GADOLIN_HAS_IMAGING
class FoundCases : public CaseSource {
 public:
  explicit FoundCases(io::Cohort cohort) : cohort_(std::move(cohort)) {
    for (const io::Entry& entry : cohort_.entries) {
      cases_.push_back({entry.id, entry.groups.patient.empty() ? entry.id : entry.groups.patient,
                        entry.label.has_value() || plain(entry), entry.scalars});
    }
  }
  volume::Case load(std::size_t at) const override { return io::load(cohort_.entries[at], cohort_); }
  volume::Volume label_map(std::size_t at) const override {
    const io::Entry& entry = cohort_.entries[at];
    return core::with_context("case " + entry.id, [&] {
      if (entry.label) return io::read_image(*entry.label);
      if (plain(entry)) {
        const io::ChannelFile& file = entry.channels.front();
        return io::read_image(file.path, file.volume, file.volumes);
      }
      throw core::Error("there is no label map", "name it in the label column of the table");
    });
  }
  std::string hash(std::size_t at) const override { return io::source_hash(cohort_.entries[at], cohort_); }
  const std::map<int, std::string>& label_names() const override { return cohort_.label_names; }

 private:
  // A file of a folder of which nothing else is known.
  bool plain(const io::Entry& entry) const { return cohort_.layout == "flat" && entry.channels.size() == 1; }
  io::Cohort cohort_;
};
#endif

}  // namespace

std::unique_ptr<CaseSource> open_cases(const fs::path& source, [[maybe_unused]] const std::string& layout) {
  if (fs::exists(source / "manifest.json")) return std::make_unique<StoredCases>(source);
#ifdef GADOLIN_HAS_IMAGING
  io::Cohort cohort = io::find_cohort(source, {layout, {}, core::usable_processors()});
  for (const std::string& note : cohort.notes) core::log_info(note);
  return std::make_unique<FoundCases>(std::move(cohort));
#else
  throw core::usage_error("there is no store at " + source.string(),
                          "this build reads stores only: ingest the images with a build that has imaging");
#endif
}

std::vector<std::size_t> cases_asked_for(const CaseSource& source, const std::vector<std::string>& ids,
                                         const std::string& split_file, const std::string& set) {
  std::map<std::string, std::size_t> place;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < source.cases().size(); ++i) {
    place[source.cases()[i].id] = i;
    known.push_back(source.cases()[i].id);
  }
  std::vector<std::size_t> asked;
  for (const std::string& id : ids) {
    if (place.count(id) == 0) {
      const std::string close = core::nearest(id, known);
      throw core::usage_error("there is no case " + id, close.empty() ? "" : "did you mean " + close + "?");
    }
    asked.push_back(place[id]);
  }
  if (!ids.empty()) return asked;
  Split split;
  if (!split_file.empty()) split = read_split(split_file);
  for (std::size_t i = 0; i < known.size(); ++i) {
    const auto found = split.set_of.find(known[i]);
    if (split_file.empty() || (found != split.set_of.end() && found->second == set)) asked.push_back(i);
  }
  if (asked.empty() && !split_file.empty())
    throw core::usage_error("no case is in the set '" + set + "' of " + split_file, "look at its columns case and set");
  return asked;
}

}  // namespace pipelines
