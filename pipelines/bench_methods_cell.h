#pragma once
// One finished measurement of `gadolin bench methods`: a small JSON file, named by everything that determines it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace pipelines {

// What a cell measures. Two cells with equal keys hold the same numbers, but for times and memory.
struct CellKey {
  std::string kind;    // "method"; "random": an encoder with its first weights; "pair": a few steps, no probe
  std::string method;  // empty for "random"
  std::string encoder;
  std::string probe;  // "kNN", "linear", "finetune"; empty for "pair"
  std::int64_t seed = 0, steps = 0;
  std::string settings;  // hash of all that pretraining and probe are set to
  std::string cohort;    // the made-up patients and what is asked of them, in words

  std::string hash() const;  // over the version of the format too
  std::string told() const;  // "simclr on resenc, seed 0"
};

struct Cell {
  CellKey key;
  std::string outcome = "done";  // or "diverged", "refused"
  std::string story;             // why it is not done
  // What must fall on one fixed batch.
  std::string improves;
  double first = 0, last = 0;
  std::map<std::string, double> scores;     // of the probe, by patient
  std::map<std::string, double> times;      // "step_ms", "encoder_ms", "seconds", "peak_mb": differ from run to run
  std::map<std::string, std::string> made;  // "version", "processor", "threads", "command"

  bool done() const { return outcome == "done"; }
};

// Published whole or not at all.
void write_cell(const std::filesystem::path& folder, const Cell& cell);
// Nothing when it is not there. Throws Error for a file that cannot be read or is of another key.
std::optional<Cell> read_cell(const std::filesystem::path& folder, const CellKey& key);

}  // namespace pipelines
