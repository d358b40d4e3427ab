#pragma once
// Cases to predict or to compare with: those of a store, raw or prepared, and in builds with imaging whatever
// io::find_cohort reads (a folder of images, a table, a folder of DICOM, ...).

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "volume/case.h"

namespace pipelines {

struct KnownCase {
  std::string id;
  std::string patient;  // the id where nobody says
  bool labelled = false;
  std::map<std::string, double> scalars;
};

class CaseSource {
 public:
  virtual ~CaseSource() = default;

  // In the order of their ids.
  const std::vector<KnownCase>& cases() const { return cases_; }
  // By place in cases(); safe from many threads; throws Error with the story of the case.
  virtual volume::Case load(std::size_t at) const = 0;
  // The label map alone; images are not read. In a plain folder of images each image is a label map.
  virtual volume::Volume label_map(std::size_t at) const = 0;
  // Changes with everything load() depends on.
  virtual std::string hash(std::size_t at) const = 0;
  virtual const std::map<int, std::string>& label_names() const = 0;
  virtual std::string plan_yaml() const { return {}; }  // how the cases were prepared; empty: they were not

 protected:
  std::vector<KnownCase> cases_;
};

// Throws usage Error when nothing readable is there.
std::unique_ptr<CaseSource> open_cases(const std::filesystem::path& source, const std::string& layout = "auto");

// Places of the cases asked for: those named in `ids` (usage Error for one that is not there, naming the nearest), else
// those of the set `set` of the split file, else all.
std::vector<std::size_t> cases_asked_for(const CaseSource& source, const std::vector<std::string>& ids,
                                         const std::string& split_file, const std::string& set);

}  // namespace pipelines
