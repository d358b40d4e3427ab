#pragma once
// metrics.csv: one number a row, "step,name,value". No times in it: a run that was interrupted and went on leaves the
// same bytes as one that was not. step counts from 1: the row tells of the state after so many updates. timings.csv has
// the same form, and holds the times.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace train {

class MetricsFile {
 public:
  // Goes on with the file that is there, without the rows after `steps_done` (of a run that was killed later than its
  // last checkpoint). Throws Error when it cannot be written.
  MetricsFile(const std::filesystem::path& path, std::int64_t steps_done);

  // Numbers are written so that they read back to the same bits.
  void add(std::int64_t step, const std::string& name, double value);
  void flush();
  void sync() const;  // what was flushed, to the disk; from any thread

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

// By name, in the order of the file. Throws Error when it is no such file.
std::map<std::string, std::vector<std::pair<std::int64_t, double>>> read_metrics(const std::filesystem::path& path);

}  // namespace train
