#pragma once
// Names of classes in label objects of DICOM: text that somebody typed. Kept are those that tell nothing of who the
// patient is; two that differ in case or blanks are one.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

class DcmDataset;

namespace io {

// What names are compared by: small letters (of ASCII), single blanks.
std::string class_key(const std::string& name);

// Of one object, whose text is UTF-8.
class ClassNames {
 public:
  // Looks for the object's own names of persons, numbers and dates (deidentify_echo.h).
  explicit ClassNames(DcmDataset& data);

  // Its place in all(); nothing, and left_out() from then on, for a name that is empty, longer than 64 characters, no
  // clean text or holds a word that tells who somebody is.
  std::optional<std::size_t> add(const std::string& name);
  const std::vector<std::string>& all() const { return all_; }
  bool left_out() const { return left_out_; }

 private:
  std::set<std::string> words_;
  std::map<std::string, std::size_t> places_;  // by class_key()
  std::vector<std::string> all_;
  bool left_out_ = false;
};

}  // namespace io
