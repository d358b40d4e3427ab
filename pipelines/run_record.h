#pragma once
// What made a run and what it takes to use its network again: the facts of its checkpoints, resolved.yaml and run.json.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pipelines {

struct RunRecord {
  std::string kind;                        // "pretrain", "finetune"
  std::string config;                      // every setting, YAML; reading it back gives the same network
  std::string plan;                        // YAML, how the store was prepared
  std::vector<std::string> channels;       // by place in the tensor
  std::array<std::int64_t, 3> patch{};     // voxels {d, h, w} of the prepared grid
  std::array<double, 3> spacing_mm{};      // of the prepared grid, {d, h, w}
  std::map<int, std::string> label_names;  // of a segmentation; empty otherwise
  std::vector<std::string> classes;        // of a classification, by place in the output; empty otherwise
  std::string target;                      // the scalar a classification was trained on
  std::string data_hash;                   // of the store
  std::int64_t seed = 0;
  std::string command;  // as it was typed
  bool operator==(const RunRecord&) const = default;
};

std::map<std::string, std::string> facts_of(const RunRecord& record);
// Throws Error when the facts are not those of a run ("checkpoint of another program").
RunRecord record_from(const std::map<std::string, std::string>& facts);

// FOLDER/resolved.yaml and FOLDER/run.json (the record, versions of the libraries, `more` facts such as the device).
void write_record(const std::filesystem::path& folder, const RunRecord& record,
                  const std::map<std::string, std::string>& more = {});
// Of a run folder. Throws Error when it is none.
RunRecord read_record(const std::filesystem::path& folder);

// The words of this process's command line, quoted where a shell would need it.
std::string command_line();

}  // namespace pipelines
