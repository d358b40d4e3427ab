#include "train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include "core/error.h"
#include "core/files.h"

namespace train {
namespace {

constexpr std::size_t kCapBytes = std::size_t{1} << 30;
const std::string kHead = "step,name,value";

std::string number_text(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

// False for what is no whole row.
bool parse(const std::string& row, std::int64_t& step, std::string& name, double& value) {
  const std::size_t first = row.find(','), last = row.rfind(',');
  if (first == std::string::npos || last == first || last + 1 == row.size()) return false;
  const char* const end = row.data() + first;
  if (std::from_chars(row.data(), end, step).ptr != end) return false;
  name = row.substr(first + 1, last - first - 1);
  char* stop = nullptr;
  value = std::strtod(row.c_str() + last + 1, &stop);
  return *stop == '\0';
}

}  // namespace

MetricsFile::MetricsFile(const std::filesystem::path& path, std::int64_t steps_done) : path_(path) {
  std::string kept = kHead + "\n";
  if (std::filesystem::exists(path)) {
    std::istringstream text(core::read_text(path, kCapBytes));
    std::string row, name;
    std::int64_t step = 0;
    double value = 0;
    while (std::getline(text, row)) {
      if (!text.eof() && parse(row, step, name, value) && step <= steps_done) kept += row + "\n";
    }
  }
  core::publish_file(path, std::string_view(kept));
  file_.open(path, std::ios::app | std::ios::binary);
  if (!file_) throw core::Error("cannot write " + path.filename().string());
}

void MetricsFile::add(std::int64_t step, const std::string& name, double value) {
  std::string word = name;
  std::replace_if(
      word.begin(), word.end(), [](char c) { return c == ',' || c == '\n' || c == '"'; }, '_');
  file_ << step << ',' << word << ',' << number_text(value) << '\n';
}

void MetricsFile::flush() {
  if (!file_.flush()) {
    throw core::Error("cannot write " + path_.filename().string(), "the disk may be full; free space and run again");
  }
}

void MetricsFile::sync() const {
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) throw core::Error("cannot write " + path_.filename().string() + " to disk");
}

std::map<std::string, std::vector<std::pair<std::int64_t, double>>> read_metrics(const std::filesystem::path& path) {
  std::istringstream text(core::read_text(path, kCapBytes));
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> columns;
  std::string row, name;
  if (!std::getline(text, row) || row != kHead) {
    throw core::Error(path.filename().string() + " does not begin with " + kHead);
  }
  while (std::getline(text, row)) {
    std::int64_t step = 0;
    double value = 0;
    if (text.eof()) break;  // a row that was being written
    if (!parse(row, step, name, value))
      throw core::Error(path.filename().string() + " holds a row that is none: " + row);
    columns[name].emplace_back(step, value);
  }
  return columns;
}

}  // namespace train
