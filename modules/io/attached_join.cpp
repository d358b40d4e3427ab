#include "io/attached_join.h"

#include <map>
#include <set>

#include "io/class_names.h"
#include "io/layout.h"
#include "io/reject.h"

namespace io {
namespace {

// Places in hashed_keys().
constexpr std::size_t kPatientId = 0, kStudy = 2;
constexpr std::size_t kMostClasses = 65535;  // a label map holds no more

// A series of several volumes has a case for each: "s...-1", "s...-2".
std::string series_of(const Entry& entry) { return entry.id.substr(0, entry.id.find('-')); }

class Series {
 public:
  explicit Series(const std::vector<Entry>& entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (!entries[i].is_series) continue;
      cases_[series_of(entries[i])].push_back(i);
      if (entries[i].keys.size() > kStudy) studies_[entries[i].keys[kStudy]].insert(series_of(entries[i]));
    }
  }

  // The cases of the series that the object names, or of the one that its study has.
  std::vector<std::size_t> cases_of(const DicomAttached& one) const {
    std::vector<std::string> series = one.look.refers;
    if (series.empty() && one.keys.size() > kStudy && !one.keys[kStudy].empty()) {
      const auto study = studies_.find(one.keys[kStudy]);
      if (study != studies_.end() && study->second.size() == 1) series.push_back(*study->second.begin());
    }
    std::vector<std::size_t> cases;
    for (const std::string& name : series) {
      const auto found = cases_.find(name);
      if (found != cases_.end()) cases.insert(cases.end(), found->second.begin(), found->second.end());
    }
    return cases;
  }

 private:
  std::map<std::string, std::vector<std::size_t>> cases_;
  std::map<std::string, std::set<std::string>> studies_;
};

Entry failing(const DicomAttached& one, const std::string& name, const Refusal& why) {
  Entry entry;
  entry.id = name;
  entry.files = {one.file};
  entry.refused = why;
  return entry;
}

bool of_another_patient(const DicomAttached& one, const Entry& entry) {
  const auto id = [](const std::vector<std::string>& keys) { return keys.empty() ? "" : keys[kPatientId]; };
  return !id(one.keys).empty() && !id(entry.keys).empty() && id(one.keys) != id(entry.keys);
}

std::map<int, std::string> numbered(const std::vector<DicomAttached>& attached) {
  std::map<std::string, std::string> names;  // of two that differ in case the first in order is kept
  for (const DicomAttached& one : attached) {
    for (const std::string& name : one.look.classes) {
      const auto [there, added] = names.emplace(class_key(name), name);
      if (!added && name < there->second) there->second = name;
    }
  }
  if (names.size() > kMostClasses)
    throw core::usage_error("the label objects have " + std::to_string(names.size()) + " classes",
                            "name those you need: --labels 1=liver 2=tumour");
  std::map<int, std::string> numbers;
  for (const auto& [small, name] : names) numbers[static_cast<int>(numbers.size()) + 1] = name;
  return numbers;
}

}  // namespace

void join_attached(const std::vector<DicomAttached>& attached, const std::filesystem::path& root,
                   const LayoutOptions& options, Cohort& cohort) {
  const Series series(cohort.entries);
  std::int64_t alone = 0;
  for (const DicomAttached& one : attached) {
    const std::string place = one.file.lexically_relative(root).generic_string(),
                      name = options.key.pseudonym('d', place);
    cohort.links.emplace(name, DeidLink{"File", place, ""});
    const std::vector<std::size_t> cases = series.cases_of(one);
    Refusal why{"LABEL_WITHOUT_IMAGE", "no image series that it belongs to is in the folder",
                "fetch the image too, or leave the object out"};
    bool joined = false;
    for (const std::size_t i : cases) {
      if (of_another_patient(one, cohort.entries[i])) {
        why = {"PATIENT_MISMATCH", "it has another patient than the image that it names",
               "correct the archive before anything is used"};
        continue;
      }
      cohort.entries[i].attached.push_back(
          {one.look.kind, name, one.file, one.look.refers.size() <= 1, !options.label_names.empty()});
      joined = true;
    }
    if (joined) continue;
    if (one.look.kind == AttachedKind::kReport)
      ++alone;
    else
      cohort.entries.push_back(failing(one, name, why));
  }
  cohort.label_names = options.numbered.empty() ? numbered(attached) : options.numbered;
  if (alone > 0)
    cohort.notes.push_back(std::to_string(alone) +
                           " reports belong to no image series here, or to one of several, and are passed over");
}

}  // namespace io
