// gadolin finetune: an encoder, pretrained or not, taught a task with few labels and scored on test cases.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "core/files.h"
#include "core/folder_lock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/rng.h"
#include "core/stop_signal.h"
#include "core/table.h"
#include "pipelines/command.h"
#include "pipelines/finetune_run.h"
#include "pipelines/finetune_score.h"
#include "pipelines/limit_options.h"
#include "pipelines/memory_advice.h"
#include "pipelines/ranks.h"
#include "train/precision.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Cases = std::vector<std::int64_t>;

struct Candidate {
  double learning_rate = 0;
  std::vector<double> scores;  // by fold
  double mean() const {
    double sum = 0;
    for (const double score : scores) sum += score;
    return scores.empty() ? 0 : sum / static_cast<double>(scores.size());
  }
};

struct Fold {
  Cases learn, check;
};

// A quarter of the labelled patients, at least one, is held back in each fold, another quarter each time.
std::vector<Fold> folds_of(const FinetuneRun& run) {
  std::vector<std::string> patients;
  for (const std::int64_t index : run.labelled()) {
    const std::string patient = run.patient(index);
    if (std::find(patients.begin(), patients.end(), patient) == patients.end()) patients.push_back(patient);
  }
  if (patients.size() < 2)
    throw core::usage_error("a learning rate cannot be chosen on the cases of one patient",
                            "give one learning rate, or more labels");
  core::Rng rng({static_cast<std::uint64_t>(run.recipe().data.seed), run.request().draw, 0, 1});
  for (std::size_t i = patients.size(); i-- > 1;) std::swap(patients[i], patients[rng.below(i + 1)]);
  const std::size_t quarter = std::max<std::size_t>(1, patients.size() / 4);
  if (quarter * static_cast<std::size_t>(run.request().folds) > patients.size())
    throw core::usage_error(fmt::format("{} patients do not make {} folds", patients.size(), run.request().folds),
                            fmt::format("--folds {} is the most", patients.size() / quarter));
  std::vector<Fold> folds(static_cast<std::size_t>(run.request().folds));
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const auto begin = patients.begin() + static_cast<std::ptrdiff_t>(f * quarter);
    const std::set<std::string> held(begin, begin + static_cast<std::ptrdiff_t>(quarter));
    for (const std::int64_t index : run.labelled())
      (held.contains(run.patient(index)) ? folds[f].check : folds[f].learn).push_back(index);
  }
  return folds;
}

// Trained and scored, or read from the folder when that was done before; nothing when interrupted. Rank 0 scores.
std::optional<double> candidate_score(FinetuneRun& run, const fs::path& folder, const Fold& fold,
                                      double learning_rate) {
  const fs::path file = folder / "score.json";
  const double before = told_by_rank_zero(run.comm(), [&] {
    if (!fs::exists(file)) return std::numeric_limits<double>::quiet_NaN();
    return json::parse(core::read_text(file)).at("score").to_number<double>();
  });
  if (!std::isnan(before)) return before;
  const FinetuneRun::Trained trained = run.train(folder, fold.learn, learning_rate);
  if (trained.fit.interrupted) return std::nullopt;
  return told_by_rank_zero(run.comm(), [&] {
    const double score = choice_score(run, *trained.task, fold.check);
    core::publish_file(file, std::string_view(fmt::format("{{\"score\": {}}}\n", core::shortest(score))));
    return score;
  });
}

// The same for every arm of a study: each candidate on 3/4 of the labelled patients, scored on the others.
std::optional<std::vector<Candidate>> try_learning_rates(FinetuneRun& run) {
  std::vector<Candidate> candidates;
  if (run.request().learning_rates.size() < 2) return candidates;
  const std::vector<Fold> folds = folds_of(run);
  for (const double rate : run.request().learning_rates) {
    Candidate candidate{rate, {}};
    for (std::size_t f = 0; f < folds.size(); ++f) {
      const fs::path folder = run.request().out / "choice" / fmt::format("{}-fold{}", core::shortest(rate), f);
      const auto score = candidate_score(run, folder, folds[f], rate);
      if (!score) return std::nullopt;
      candidate.scores.push_back(*score);
    }
    core::log_info(fmt::format("learning rate {}: {} {:.4f} on held-back labelled cases", core::shortest(rate),
                               choice_score_name(run.dense()), candidate.mean()));
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

double chosen_rate(const FinetuneRun& run, const std::vector<Candidate>& candidates) {
  const std::vector<double>& given = run.request().learning_rates;
  if (candidates.empty()) return given.empty() ? run.recipe().trainer.learning_rate : given.front();
  return std::max_element(candidates.begin(), candidates.end(),
                          [](const Candidate& a, const Candidate& b) { return a.mean() < b.mean(); })
      ->learning_rate;
}

json::array choice_of(const std::vector<Candidate>& candidates) {
  json::array all;
  for (const Candidate& each : candidates) {
    json::object one;
    one["learning_rate"] = each.learning_rate;
    one["score"] = each.mean();
    one["folds"] = json::array(each.scores.begin(), each.scores.end());
    all.emplace_back(std::move(one));
  }
  return all;
}

void write_summary(const FinetuneRun& run, const FinetuneRun::Trained& trained,
                   const std::vector<Candidate>& candidates, const TestScores& scores, double seconds) {
  const FinetuneRequest& request = run.request();
  std::set<std::string> patients;
  for (const std::int64_t index : run.labelled()) patients.insert(run.patient(index));
  json::object all;
  all["kind"] = "finetune";
  all["task"] = run.recipe().task.entry().name;
  all["encoder"] = run.recipe().encoder.name();
  all["init"] = run.initial() == nullptr ? "scratch" : request.init.string();
  all["init_sha256"] = run.initial() == nullptr ? "" : run.initial()->hash;
  all["initial"] = trained.initial;
  all["mode"] = request.frozen ? "frozen" : "full";
  all["target"] = run.record().target;
  all["labels"] = run.labelled().size();
  all["labelled_patients"] = patients.size();
  all["draw"] = request.draw;
  all["seed"] = run.record().seed;
  all["steps"] = trained.fit.step;
  all["loss"] = std::isfinite(trained.fit.loss) ? json::value(trained.fit.loss) : json::value(nullptr);
  all["learning_rate"] = run.recipe().trainer.learning_rate;
  all["choice_score"] = choice_score_name(run.dense());
  all["choice"] = choice_of(candidates);
  all["precision"] = train::resolved_precision(run.recipe().trainer.precision, run.device());
  all["device"] = run.device().str();
  all["threads"] = run.threads();
  all["ranks"] = run.comm().size();
  all["left_out"] = json::array(trained.left_out.begin(), trained.left_out.end());
  all["seconds"] = seconds;
  all["tolerance_mm"] = request.tolerance_mm;
  all["data"] = run.record().data_hash;
  all["checkpoint"] = trained.fit.checkpoint.filename().string();
  all["checkpoint_sha256"] = core::sha256_file_hex(trained.fit.checkpoint);
  all["command"] = run.record().command;
  all["test"] = summary_of(run, scores);
  core::publish_file(request.out / "summary.json", std::string_view(json::serialize(all) + "\n"));
}

void tell(const FinetuneRun& run, const FinetuneRun::Trained& trained, const std::vector<Candidate>& candidates,
          const TestScores& scores, double seconds) {
  const FinetuneRequest& request = run.request();
  if (run.dense()) {
    const auto summary = evaluate::summarise(scores.segmented, run.record().label_names);
    std::printf("%s\n", core::to_text(evaluate::summary_table(summary)).c_str());
  }
  std::string numbers;
  for (const NamedInterval& each : headline(run, scores))
    numbers += fmt::format("{}{} {:.4f} [{:.4f}, {:.4f}]", numbers.empty() ? "" : ", ", each.name, each.interval.value,
                           each.interval.low, each.interval.high);
  std::printf("finetune %s: %zu labelled cases, %s, %lld steps at learning rate %s%s; %zu test cases: %s; %s\n",
              std::string(run.recipe().task.entry().name).c_str(), run.labelled().size(),
              run.initial() == nullptr ? "from scratch" : ("from " + request.init.string()).c_str(),
              static_cast<long long>(trained.fit.step), core::shortest(run.recipe().trainer.learning_rate).c_str(),
              candidates.empty() ? "" : fmt::format(" (best of {})", candidates.size()).c_str(), run.test().size(),
              numbers.c_str(), core::duration_text(seconds).c_str());
  for (const std::string& id : trained.left_out)
    std::printf("case %s could not be read and was left out of the training\n", id.c_str());
  std::printf("next: gadolin report %s\n", request.out.c_str());
}

core::Exit interrupted(const FinetuneRun& run) {
  if (run.comm().rank() == 0)
    std::printf("finetune: interrupted; the same command goes on where it stopped: %s\n", run.record().command.c_str());
  return core::Exit::kInterrupted;
}

// Rank 0 scores; the others wait for what becomes of it.
core::Exit score_and_tell(const FinetuneRun& run, const FinetuneRun::Trained& trained,
                          const std::vector<Candidate>& candidates, const core::StopSignal& stop,
                          std::chrono::steady_clock::time_point start) {
  TestScores scores;
  const double stopped = told_by_rank_zero(run.comm(), [&] {
    scores = score_test_cases(run, *trained.task, stop);
    return scores.interrupted ? 1.0 : 0.0;
  });
  if (stopped > 0) return interrupted(run);
  if (run.comm().rank() == 0) {
    write_case_pictures(run, *trained.task, scores);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    write_summary(run, trained, candidates, scores, seconds);
    tell(run, trained, candidates, scores, seconds);
  }
  return trained.left_out.empty() ? core::Exit::kDone : core::Exit::kSomeFailed;
}

core::Exit finetune_as_rank(const FinetuneRequest& request, std::vector<core::Setting> settings,
                            const core::StopSignal& stop, runtime::Comm& comm) {
  const auto start = std::chrono::steady_clock::now();
  FinetuneRun run(request, std::move(settings), comm);
  std::optional<core::FolderLock> lock;  // rank 0 writes for all
  if (comm.rank() == 0) lock.emplace(request.out);
  run.open_folder();
  core::log_info(fmt::format("finetune {}: {} labelled cases, {} test cases, {}, encoder {} on {}",
                             run.recipe().task.entry().name, run.labelled().size(), run.test().size(),
                             run.initial() == nullptr ? "from scratch" : "from " + request.init.string(),
                             run.recipe().encoder.name(), run.device().str()));
  const auto candidates = try_learning_rates(run);
  if (!candidates) return interrupted(run);
  const FinetuneRun::Trained trained = run.train(request.out, run.labelled(), chosen_rate(run, *candidates));
  if (!trained.initial.empty() && comm.rank() == 0)
    core::publish_file(request.out / "initial.txt", std::string_view(trained.initial));
  if (trained.fit.interrupted) return interrupted(run);
  return score_and_tell(run, trained, *candidates, stop, start);
}

core::Exit finetune(const FinetuneRequest& request, std::vector<core::Setting> settings) {
  const core::StopSignal stop;
  const auto comm = meet_ranks(request.rank_timeout_s, device_of_rank(request.device));
  return as_rank(*comm, [&] { return finetune_as_rank(request, std::move(settings), stop, *comm); });
}

struct Words {
  FinetuneRequest request;
  std::string task, mode = "full";
  std::unique_ptr<SettingsOptions> options;
  std::unique_ptr<LimitOptions> limits;
};

core::Exit run_with(Words& words) {
  FinetuneRequest request = words.request;
  request.frozen = words.mode == "frozen";
  request.limits = words.limits->limits();
  std::vector<core::Setting> settings = words.options->settings();
  if (!words.task.empty()) settings.push_back(core::setting_from_argument("task.name=" + words.task));
  for (const double rate : request.learning_rates) {
    if (!(rate > 0 && rate < 100)) throw core::usage_error(fmt::format("learning rate {} is none", rate));
  }
  return finetune(request, std::move(settings));
}

void add_what(CLI::App& app, Words& words) {
  FinetuneRequest& request = words.request;
  app.add_option("STORE", request.store, "prepared store")->required();
  app.add_option("--task", words.task, "segmentation (from label maps) or classification (from a scalar)")
      ->type_name("NAME");
  app.add_option("--target", request.target, "the scalar that says a case's class: 0, 1, 2, ...")
      ->capture_default_str();
  app.add_option("--out", request.out, "folder of the run; made, or gone on with")->required()->type_name("RUN");
  add_initial(app, request.init, request.init_threshold);
  app.add_flag("!--no-init-decoder", request.init_decoder,
               "take the encoder only, though the checkpoint has a decoder");
  app.add_option("--mode", words.mode, "full: everything is trained; frozen: the encoder stays as it is")
      ->check(CLI::IsMember({"full", "frozen"}))
      ->capture_default_str();
}

void add_cases(CLI::App& app, Words& words) {
  FinetuneRequest& request = words.request;
  app.add_option("--split", request.split,
                 "CSV with case, set and patient; without it 30 % of the patients are the test set")
      ->type_name("CSV");
  app.add_option("--train-set", request.train_set, "set of the split to learn from")->capture_default_str();
  app.add_option("--test-set", request.test_set, "set of the split to score on")->capture_default_str();
  app.add_option("--labels", request.labels, "labelled cases to learn from, whole patients; 0 = all of the set")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--draw", request.draw, "which ones: the same number, the same cases")->capture_default_str();
  app.add_option("--learning-rates", request.learning_rates,
                 "several are tried on 3/4 of the labelled patients and scored on the others; the best trains on all")
      ->delimiter(',')
      ->type_name("LR,LR");
  app.add_option("--folds", request.folds, "times that this is done, with others held back")
      ->check(CLI::Range(1, 4))
      ->capture_default_str();
  app.add_option("--tolerance-mm", request.tolerance_mm, "of surface Dice")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

BoundSettings finetune_settings(std::span<const core::Setting> given) {
  const auto recipe = std::make_shared<FinetuneRecipe>(FinetuneRecipe::from({given.begin(), given.end()}));
  std::vector<std::string> tasks;
  for (const finetune::TaskEntry* entry : finetune::tasks()) tasks.emplace_back(entry->name);
  return {recipe, recipe->slots(), {{"task", tasks}, {"encoder", encoder_names()}}};
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto words = std::make_shared<Words>();
  add_what(app, *words);
  add_cases(app, *words);
  words->options = std::make_unique<SettingsOptions>(app);
  words->limits = std::make_unique<LimitOptions>(app);
  app.add_option("--device", words->request.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", words->request.threads, "of torch; 0 = as it chooses")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_rank_timeout(app, words->request.rank_timeout_s);
  return [words] { return with_memory_advice([&] { return run_with(*words); }); };
}

}  // namespace

extern const Command finetune_command;
const Command finetune_command{
    "finetune", "teach an encoder a task with few labels and score it",
    "  gadolin finetune prepared --task segmentation --out runs/scratch8 --labels 8 --draw 0\n"
    "  gadolin finetune prepared --task segmentation --out runs/mae8 --init runs/mae --labels 8 --learning-rates "
    "1e-3,3e-3\n"
    "  gadolin finetune prepared --task classification --target class --out runs/class --mode frozen --init "
    "runs/simclr\n"
    "  gadolin finetune prepared --config configs/hippocampus.yaml --set trainer.steps=300 --out runs/short\n"
    "  torchrun --no-python --nproc-per-node 2 gadolin finetune prepared --task segmentation --out runs/two\n"
    "Under torchrun, srun or mpirun the ranks share each batch and rank 0 scores and writes; see gadolin pretrain "
    "--help.",
    attach, finetune_settings};

}  // namespace pipelines
