// gadolin checkpoint: which there are, whether they are sound, and in what two differ.
#include "train/checkpoint.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <optional>

#include "core/table.h"
#include "pipelines/command.h"
#include "pipelines/inspect_subject.h"
#include "pipelines/restored_task.h"
#include "train/checkpoint_difference.h"
#include "train/metrics.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kListed = 20;
constexpr std::size_t kLongestFact = 60;

struct Words {
  std::vector<std::string> paths;
  std::string first, second;
  bool json = false;
};

struct Found {
  fs::path path;
  bool of_folder = false;  // listed because its run was named
  bool goes_on = false;    // a run of its folder would go on with it
  std::int64_t step = -1;
  std::time_t written = 0;
  std::int64_t bytes = 0;
  std::string run;             // "pretrain mae on resenc"
  std::optional<double> loss;  // of the last row of metrics.csv up to its step
  std::string damage;          // empty: sound
  bool best = false;           // kept because it was the best by `judged`
  train::Best judged;
};

std::vector<Found> found_at(const std::vector<std::string>& paths) {
  std::vector<Found> all;
  for (const fs::path path : paths) {
    if (!fs::is_directory(path)) {
      if (!fs::exists(path)) throw core::usage_error("there is no checkpoint " + path.string(), "is the path right?");
      all.push_back({path});
      continue;
    }
    const auto files = train::checkpoints(path);
    if (files.empty()) {
      throw core::usage_error("there is no checkpoint in " + path.string(),
                              "give the folder that gadolin pretrain or finetune wrote");
    }
    for (const fs::path& file : files) all.push_back({file, true});
    for (const fs::path& file : train::best_checkpoints(path)) all.push_back({file});
  }
  return all;
}

std::string run_text(const std::map<std::string, std::string>& facts) {
  const auto kind = facts.find("kind"), config = facts.find("config");
  std::string text = kind == facts.end() ? "" : kind->second, encoder;
  if (config == facts.end()) return text;
  for (const core::Setting& setting : core::settings_from_yaml(config->second, "the checkpoint's settings")) {
    if (setting.values.empty()) continue;
    if (setting.key == "method.name" || setting.key == "task.name") text += " " + setting.values[0];
    if (setting.key == "encoder.name") encoder = " on " + setting.values[0];
  }
  return text + encoder;
}

std::optional<double> loss_at(const fs::path& folder, std::int64_t step) {
  std::optional<double> loss;
  if (!fs::exists(folder / "metrics.csv")) return loss;
  const auto columns = train::read_metrics(folder / "metrics.csv");
  const auto column = columns.find("loss");
  if (column == columns.end()) return loss;
  for (const auto& [at, value] : column->second) {
    if (at <= step) loss = value;
  }
  return loss;
}

// Reads every byte.
void look_into(Found& one) {
  struct stat about {};
  if (::stat(one.path.c_str(), &about) == 0) {
    one.written = about.st_mtime;
    one.bytes = about.st_size;
  }
  one.step = train::checkpoint_step(one.path);
  try {
    const train::Checkpoint checkpoint = train::read_checkpoint(one.path);
    one.step = checkpoint.step;
    one.judged = checkpoint.best;
    one.best = one.path == train::best_path(one.path.parent_path(), checkpoint.step);
    one.run = run_text(checkpoint.facts);
  } catch (const core::Error& error) {
    one.damage = error.story();
    return;
  }
  try {
    one.loss = loss_at(one.path.parent_path(), one.step);
  } catch (const core::Error&) {  // a checkpoint is no worse for the table beside it
  }
}

std::vector<Found> looked_at(const std::vector<std::string>& paths) {
  std::vector<Found> all = found_at(paths);
  for (Found& one : all) look_into(one);
  fs::path done;  // folder whose newest sound one is found; those of a folder stand together, newest first
  for (Found& one : all) {
    if (!one.of_folder || !one.damage.empty() || one.path.parent_path() == done) continue;
    one.goes_on = true;
    done = one.path.parent_path();
  }
  return all;
}

std::string state_text(const Found& one) {
  if (!one.damage.empty()) return "damaged";
  if (one.best) return fmt::format("sound, best by {}: {:.4g}", one.judged.name, one.judged.value);
  return one.goes_on ? "sound, goes on here" : "sound";
}

json::value number_or_text(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(core::shortest(value));
}

json::object json_of(const Found& one) {
  return {{"path", one.path.string()},
          {"step", one.step < 0 ? json::value() : json::value(one.step)},
          {"written", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(one.written))},
          {"bytes", one.bytes},
          {"run", one.run},
          {"loss", one.loss ? number_or_text(*one.loss) : json::value()},
          {"sound", one.damage.empty()},
          {"damage", one.damage},
          {"goes_on", one.goes_on},
          {"best", one.best ? json::value{{"name", one.judged.name}, {"value", number_or_text(one.judged.value)}}
                            : json::value()}};
}

void tell_damage(const std::vector<Found>& all) {
  for (const Found& one : all) {
    if (!one.damage.empty()) std::fprintf(stderr, "%s: %s\n", one.path.string().c_str(), one.damage.c_str());
  }
}

core::Exit list(const Words& words) {
  const std::vector<Found> all = looked_at(words.paths);
  if (words.json) {
    json::array rows;
    for (const Found& one : all) rows.push_back(json_of(one));
    fmt::print("{}\n", json::serialize(json::object{{"checkpoints", rows}}));
    return core::Exit::kDone;
  }
  core::Table table{{"step", "written (UTC)", "size", "run", "loss", "state", "file"}, {}};
  for (const Found& one : all) {
    table.add({one.step < 0 ? "-" : std::to_string(one.step),
               fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(one.written)),
               bytes_text(static_cast<double>(one.bytes)), one.run.empty() ? "-" : one.run,
               one.loss ? fmt::format("{:.4g}", *one.loss) : "-", state_text(one), one.path.string()});
  }
  fmt::print("{}", core::to_text(table));
  std::fflush(stdout);
  tell_damage(all);
  return core::Exit::kDone;
}

core::Exit verify(const Words& words) {
  const std::vector<Found> all = looked_at(words.paths);
  std::size_t damaged = 0;
  for (const Found& one : all) {
    damaged += !one.damage.empty();
    if (one.damage.empty())
      fmt::print("{}: sound, step {}, {}\n", one.path.string(), one.step, bytes_text(static_cast<double>(one.bytes)));
  }
  fmt::print("checkpoint verify: {} checkpoint{}, {} damaged\n", all.size(), all.size() == 1 ? "" : "s", damaged);
  std::fflush(stdout);
  tell_damage(all);
  if (damaged == 0) return core::Exit::kDone;
  return damaged == all.size() ? core::Exit::kNothingUsable : core::Exit::kSomeFailed;
}

json::value text_or_nothing(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

void print_json(const train::CheckpointDifference& difference) {
  json::array facts, tensors;
  for (const auto& one : difference.facts)
    facts.push_back(json::object{{"name", one.name}, {"first", one.first}, {"second", one.second}});
  for (const auto& one : difference.tensors) {
    json::object row{
        {"name", one.name}, {"first", text_or_nothing(one.first)}, {"second", text_or_nothing(one.second)}};
    if (one.comparable()) {
      row["absolute"] = number_or_text(one.absolute);
      row["relative"] = number_or_text(one.relative);
    }
    tensors.push_back(row);
  }
  const json::object all{{"equal", difference.equal()},
                         {"facts", facts},
                         {"tensors", tensors},
                         {"equal_tensors", difference.equal_tensors}};
  fmt::print("{}\n", json::serialize(all));
}

std::string shortened(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() == text.size() && line.size() <= kLongestFact) return line.empty() ? "-" : line;
  return fmt::format("{} ... ({} characters)", line.substr(0, kLongestFact), text.size());
}

std::string what_differs(const train::TensorDifference& one) {
  if (one.comparable()) return one.first;
  if (one.first.empty()) return "only in the second: " + one.second;
  if (one.second.empty()) return "only in the first: " + one.first;
  return one.first + " in the first, " + one.second + " in the second";
}

void print_tables(const train::CheckpointDifference& difference) {
  if (!difference.facts.empty()) {
    core::Table table{{"fact", "first", "second"}, {}};
    for (const auto& one : difference.facts) table.add({one.name, shortened(one.first), shortened(one.second)});
    fmt::print("{}\n", core::to_text(table));
  }
  if (!difference.tensors.empty()) {
    core::Table table{{"tensor", "absolute", "relative", "what"}, {}};
    for (const auto& one : difference.tensors) {
      if (table.rows.size() == kListed) break;
      const bool numbers = one.comparable();
      table.add({one.name, numbers ? fmt::format("{:.3g}", one.absolute) : "-",
                 numbers ? fmt::format("{:.3g}", one.relative) : "-", what_differs(one)});
    }
    fmt::print("{}", core::to_text(table));
    if (difference.tensors.size() > kListed)
      fmt::print("and {} more; --json lists all\n", difference.tensors.size() - kListed);
    fmt::print("\n");
  }
  fmt::print("{} facts and {} tensors differ, {} tensors are equal\n", difference.facts.size(),
             difference.tensors.size(), difference.equal_tensors);
}

core::Exit diff(const Words& words) {
  const fs::path first = checkpoint_at(words.first), second = checkpoint_at(words.second);
  const train::CheckpointDifference difference = train::difference_of(
      runtime::read_archive(first, train::kCheckpointFormat), runtime::read_archive(second, train::kCheckpointFormat));
  if (words.json) {
    print_json(difference);
  } else if (difference.equal()) {
    fmt::print("the checkpoints are equal: {} tensors and every fact\n", difference.equal_tensors);
  } else {
    fmt::print("first   {}\nsecond  {}\n\n", first.string(), second.string());
    print_tables(difference);
  }
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto words = std::make_shared<Words>();
  CLI::App* ls = app.add_subcommand("ls", "list them with step, date, size, loss, sound or damaged (reads every byte)");
  ls->add_option("RUN", words->paths, "folders of runs, or checkpoint files")->required();
  ls->add_flag("--json", words->json, "as one JSON object");
  CLI::App* proof =
      app.add_subcommand("verify", "read every byte and compare the hashes; exit code 4: some damaged, 3: all");
  proof->add_option("RUN", words->paths, "folders of runs, or checkpoint files")->required();
  CLI::App* compare = app.add_subcommand(
      "diff", "facts and settings that differ, and tensors, by the largest difference over the largest magnitude");
  compare->add_option("FIRST", words->first, "checkpoint file, or the folder of a run: its newest")->required();
  compare->add_option("SECOND", words->second, "the same")->required();
  compare->add_flag("--json", words->json, "all of it as one JSON object");
  app.require_subcommand(1);
  return [words, ls, proof] {
    if (ls->parsed()) return list(*words);
    return proof->parsed() ? verify(*words) : diff(*words);
  };
}

}  // namespace

extern const Command checkpoint_command;
const Command checkpoint_command{
    "checkpoint", "list, prove and compare checkpoints",
    "  gadolin checkpoint ls RUN\n"
    "  gadolin checkpoint verify RUN OTHER/checkpoint-2000.gadolin\n"
    "  gadolin checkpoint diff RUN OTHER\n"
    "  gadolin checkpoint diff RUN/checkpoint-500.gadolin RUN/checkpoint-1000.gadolin --json\n"
    "'goes on here' marks the one that the same command would go on with, 'best' what trainer.best_by kept.",
    attach};

}  // namespace pipelines
