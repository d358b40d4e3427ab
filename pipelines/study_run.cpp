#include "pipelines/study_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "core/files.h"
#include "core/folder_lock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "core/table.h"
#include "pipelines/prepared_store.h"
#include "pipelines/run_record.h"
#include "pipelines/study_grid.h"

extern char** environ;

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// gadolin itself with these words, its output behind `log`. A stop that is asked for is handed on. Returns its exit
// code, 128 + signal when it was killed.
int run_gadolin(std::vector<std::string> words, const fs::path& log, const core::StopSignal& stop) {
  words.insert(words.begin(), fs::read_symlink("/proc/self/exe").string());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw core::Error("a training cannot be started: " + std::string(std::strerror(failed)));
  bool told = false;
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) throw core::Error("a training was lost");
    if (stop.asked() && !std::exchange(told, true)) ::kill(child, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// Nothing while another process works in the folder.
std::unique_ptr<core::FolderLock> lock_of(const fs::path& folder) {
  try {
    return std::make_unique<core::FolderLock>(folder);
  } catch (const core::Error&) {
    return nullptr;
  }
}

// True while a training works in the folder: it goes on when its study was killed.
bool in_use(const fs::path& folder) { return lock_of(folder) == nullptr; }

// The last line that a command said, which is its message when it failed.
std::string last_line(const fs::path& log) {
  std::string text = core::read_text(log);
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::string csv_of(const StudyData& data) {
  core::Table table{{"case", "set", "patient"}, {}};
  for (std::int64_t i = 0; i < data.reader->size(); ++i) {
    const store::CaseSummary& one = data.reader->summary(i);
    const auto set = data.split.set_of.find(one.id);
    if (set != data.split.set_of.end()) table.add({one.id, set->second, patient_of(data.split, one)});
  }
  return core::to_csv(table);
}

class Study {
 public:
  Study(const StudyRequest& request, const StudyPlan& plan) : request_(request), plan_(plan) {
    const PreparedStore store = open_prepared(request.store);
    data_.reader = store.reader;
    data_.threads = request.threads;
    data_.split = request.split.empty() ? split_by_patient(*data_.reader, 0.3, 0) : read_split(request.split);
    split_ = csv_of(data_);
    data_.split_hash = core::sha256_hex(std::string_view(split_));
    grid_ = study_grid(plan, data_);
  }

  core::Exit run();

 private:
  enum class Made { kDone, kBusy, kInterrupted };

  fs::path cells() const { return request_.out / "cells"; }
  fs::path work(const std::string& hash) const { return request_.out / "work" / hash; }
  bool mine(std::size_t cell) const {
    return static_cast<std::int64_t>(cell % static_cast<std::size_t>(request_.shards)) == request_.shard - 1;
  }
  bool finished(const StudyCell& cell) const { return fs::exists(cells() / (cell.hash + ".json")); }
  void tell_plan() const;
  void open_folder() const;
  std::vector<std::string> common_words() const;
  Made pretrain(const StudyPretraining& one);
  Made finetune(const StudyCell& cell);
  Made make(const StudyCell& cell);
  CellResult result_of(const StudyCell& cell, int exit) const;

  StudyRequest request_;
  StudyPlan plan_;
  StudyData data_;
  std::string split_;
  StudyGrid grid_;
  core::StopSignal stop_;
};

std::string study_json(const StudyPlan& plan, const StudyGrid& grid, const StudyData& data) {
  StudySettings settings = plan.settings;
  json::array cells, arms;
  for (const StudyCell& each : grid.cells)
    cells.push_back({{"hash", each.hash}, {"arm", each.arm}, {"budget", each.budget}, {"draw", each.draw}});
  for (const StudyArm& each : plan.arms) arms.emplace_back(each.name);
  return json::serialize(json::object{{"format", 1},
                                      {"claimed", plan.settings.claimed},
                                      {"task", plan.settings.task},
                                      {"minutes_per_case", plan.settings.minutes_per_case},
                                      {"arms", arms},
                                      {"budgets", json::array(grid.budgets.begin(), grid.budgets.end())},
                                      {"settings", core::resolved_yaml(core::slots_of(settings))},
                                      {"store", data.reader->data_hash()},
                                      {"split", data.split_hash},
                                      {"cells", cells}}) +
         "\n";
}

void Study::open_folder() const {
  const fs::path path = request_.out / "study.json";
  const std::string now = study_json(plan_, grid_, data_);
  if (fs::exists(path)) {
    const std::string before = core::read_text(path);
    if (before == now) return;
    const json::value claimed = json::parse(before).at("claimed");
    if (claimed != json::parse(now).at("claimed"))
      throw core::usage_error(
          fmt::format("the folder holds a study that claims '{}', not '{}'", std::string(claimed.as_string()),
                      plan_.settings.claimed),
          "what is claimed is decided before results are seen: begin another study in another --out");
    throw core::usage_error("the folder holds another study (its settings, data, split or threads differ)",
                            "choose another --out; finished cells can be copied into its cells");
  }
  core::publish_file(request_.out / "split.csv", std::string_view(split_));
  core::publish_file(path, std::string_view(now));
}

void Study::tell_plan() const {
  std::size_t done = 0;
  for (const StudyCell& each : grid_.cells) done += finished(each) ? 1 : 0;
  std::string budgets;
  for (const std::int64_t each : grid_.budgets) budgets += (budgets.empty() ? "" : ", ") + std::to_string(each);
  fmt::print("study: {} arms, budgets of {} labelled cases, {} draws: {} pretrainings and {} fine-tunings, {} done\n",
             plan_.arms.size(), budgets, plan_.settings.draws, grid_.pretrainings.size(), grid_.cells.size(), done);
  if (plan_.settings.draws < 5 || plan_.settings.pretraining_seeds < 2)
    fmt::print("fewer than 5 draws or 2 pretrainings: intervals say little of how much these differ\n");
  fmt::print("claimed: {}\n", plan_.settings.claimed.empty() ? "nothing, all arms are exploratory"
                                                             : plan_.settings.claimed + "; the others are exploratory");
}

std::vector<std::string> Study::common_words() const {
  return {"--split",   (request_.out / "split.csv").string(), "--device", request_.device,
          "--threads", std::to_string(request_.threads)};
}

std::vector<std::string> with_settings(std::vector<std::string> words, const std::vector<core::Setting>& settings) {
  for (const core::Setting& each : settings) {
    words.emplace_back("--set");
    words.push_back(argument_of(each));
  }
  return words;
}

Study::Made Study::pretrain(const StudyPretraining& one) {
  const fs::path folder = work(one.hash), done = folder / "done.json";
  if (fs::exists(done)) return Made::kDone;
  const auto lock = lock_of(folder);
  if (!lock) return Made::kBusy;
  if (fs::exists(done)) return Made::kDone;
  if (in_use(folder / "run")) return Made::kBusy;
  core::log_info(fmt::format("study: pretraining of {}, seed {}", one.arm, one.seed));
  std::vector<std::string> words{"pretrain",   request_.store.string(), "--out", (folder / "run").string(),
                                 "--set-name", plan_.settings.train_set};
  for (std::string& word : common_words()) words.push_back(std::move(word));
  const auto start = std::chrono::steady_clock::now();
  const int exit = run_gadolin(with_settings(std::move(words), one.settings), folder / "log.txt", stop_);
  if (exit == static_cast<int>(core::Exit::kInterrupted)) return Made::kInterrupted;
  const bool ended = exit == 0 || exit == static_cast<int>(core::Exit::kSomeFailed);
  if (exit >= 128 || exit == static_cast<int>(core::Exit::kUsage))
    throw core::Error(
        fmt::format("the pretraining of {} ended with {}: {}", one.arm, exit, last_line(folder / "log.txt")),
        "log.txt in its folder below work says more");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  core::publish_file(done, std::string_view(json::serialize(json::object{
                               {"failed", ended ? "" : last_line(folder / "log.txt")}, {"seconds", seconds}})));
  return Made::kDone;
}

CellResult Study::result_of(const StudyCell& cell, int exit) const {
  const fs::path folder = work(cell.hash), run = folder / "run";
  CellResult result;
  result.cell = cell;
  result.task = plan_.settings.task;
  result.facts = {{"store", data_.reader->data_hash()},
                  {"split", data_.split_hash},
                  {"version", GADOLIN_VERSION},
                  {"threads", std::to_string(request_.threads)}};
  if (!cell.pretraining.empty()) {
    const json::value done = json::parse(core::read_text(work(cell.pretraining) / "done.json"));
    result.pretraining_seconds = done.at("seconds").to_number<double>();
    result.failed = std::string(done.at("failed").as_string());
    if (!result.failed.empty()) result.failed = "pretraining: " + result.failed;
  }
  if (!result.failed.empty()) return result;
  if (exit != 0 && exit != static_cast<int>(core::Exit::kSomeFailed)) {
    result.failed = last_line(folder / "log.txt");
    return result;
  }
  const json::value summary = json::parse(core::read_text(run / "summary.json"));
  result.scores = core::read_text(run / (fs::exists(run / "scores.csv") ? "scores.csv" : "predictions.csv"));
  result.learning_rate = summary.at("learning_rate").to_number<double>();
  result.seconds = summary.at("seconds").to_number<double>();
  result.labelled_patients = summary.at("labelled_patients").to_number<std::int64_t>();
  result.facts["checkpoint"] = std::string(summary.at("checkpoint_sha256").as_string());
  result.facts["init"] = std::string(summary.at("init_sha256").as_string());
  result.facts["device"] = std::string(summary.at("device").as_string());
  result.facts["config"] = read_record(run).config;
  return result;
}

Study::Made Study::finetune(const StudyCell& cell) {
  const fs::path folder = work(cell.hash);
  std::vector<std::string> words{
      "finetune",       request_.store.string(),
      "--out",          (folder / "run").string(),
      "--init",         cell.pretraining.empty() ? kScratch : (work(cell.pretraining) / "run").string(),
      "--target",       plan_.settings.target,
      "--labels",       std::to_string(cell.budget),
      "--draw",         std::to_string(cell.draw),
      "--folds",        std::to_string(plan_.settings.folds),
      "--train-set",    plan_.settings.train_set,
      "--test-set",     plan_.settings.test_set,
      "--tolerance-mm", core::shortest(plan_.settings.tolerance_mm)};
  std::string rates;
  for (const double rate : plan_.settings.learning_rates) rates += (rates.empty() ? "" : ",") + core::shortest(rate);
  words.insert(words.end(), {"--learning-rates", rates, "--set", fmt::format("trainer.seed={}", cell.draw + 1)});
  for (std::string& word : common_words()) words.push_back(std::move(word));
  const auto arm = std::ranges::find(plan_.arms, cell.arm, &StudyArm::name);
  const int exit = run_gadolin(with_settings(std::move(words), arm->finetune), folder / "log.txt", stop_);
  if (exit == static_cast<int>(core::Exit::kInterrupted)) return Made::kInterrupted;
  if (exit >= 128 || exit == static_cast<int>(core::Exit::kUsage))
    throw core::Error(fmt::format("{} with {} labels, draw {}, ended with {}: {}", cell.arm, cell.budget, cell.draw,
                                  exit, last_line(folder / "log.txt")),
                      "log.txt in its folder below work says more");
  write_cell(cells(), result_of(cell, exit));
  return Made::kDone;
}

Study::Made Study::make(const StudyCell& cell) {
  if (!cell.pretraining.empty()) {
    const Made made = pretrain(grid_.pretraining(cell.pretraining));
    if (made != Made::kDone) return made;
  }
  const fs::path folder = work(cell.hash);
  {
    const auto lock = lock_of(folder);
    if (!lock) return Made::kBusy;
    if (finished(cell)) return Made::kDone;
    const bool lost =
        !cell.pretraining.empty() &&
        !json::parse(core::read_text(work(cell.pretraining) / "done.json")).at("failed").as_string().empty();
    if (lost) write_cell(cells(), result_of(cell, 0));
    if (!lost) {
      const Made made = finetune(cell);
      if (made != Made::kDone) return made;
    }
  }
  if (!request_.keep) fs::remove_all(folder);
  return Made::kDone;
}

core::Exit Study::run() {
  tell_plan();
  if (request_.dry_run) {
    fmt::print("nothing was written; without --dry-run it goes to {}\n", request_.out.string());
    return core::Exit::kDone;
  }
  refuse_duplicates(plan_, data_);
  open_folder();
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < grid_.cells.size(); ++i) {
    if (mine(i)) open.push_back(i);
  }
  const std::size_t all = open.size();
  std::erase_if(open, [&](std::size_t i) { return finished(grid_.cells[i]); });
  core::Progress progress("study", "cells", static_cast<std::int64_t>(all), core::Progress::Style::kAuto,
                          static_cast<std::int64_t>(all - open.size()));
  std::int64_t made = 0;
  while (!open.empty()) {
    const std::size_t before = open.size();
    for (std::size_t at = 0; at < open.size();) {
      const StudyCell& cell = grid_.cells[open[at]];
      const bool enough = stop_.asked() || (request_.most_cells > 0 && made >= request_.most_cells);
      const Made result = enough ? Made::kInterrupted : finished(cell) ? Made::kDone : make(cell);
      if (result == Made::kInterrupted) {
        fmt::print("study: interrupted; the same command goes on\n");
        return core::Exit::kInterrupted;
      }
      if (result == Made::kBusy) {
        ++at;
        continue;
      }
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      ++made;
      progress.advance(1, fmt::format("{}, {} labels", cell.arm, cell.budget));
    }
    // What is left is being made by other processes.
    if (open.size() == before) std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  std::size_t failed = 0;
  for (std::size_t i = 0; i < grid_.cells.size(); ++i) {
    if (mine(i)) failed += read_cell(cells(), grid_.cells[i].hash)->failed.empty() ? 0 : 1;
  }
  fmt::print("study: {} cells in {}{}\nnext: gadolin study report {}\n", all, cells().string(),
             failed > 0 ? fmt::format(", {} of them failed", failed) : std::string(), request_.out.string());
  return failed > 0 ? core::Exit::kSomeFailed : core::Exit::kDone;
}

}  // namespace

core::Exit run_study(const StudyRequest& request, const StudyPlan& plan) { return Study(request, plan).run(); }

}  // namespace pipelines
