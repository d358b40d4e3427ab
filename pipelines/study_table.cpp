#include "pipelines/study_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/table.h"
#include "evaluate/ranking.h"
#include "evaluate/scores.h"
#include "pipelines/class_predictions.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// The test cases of one finished cell.
struct Scored {
  CellResult result;
  std::vector<evaluate::CaseScores> segmented;
  std::vector<double> dice;          // of `segmented`, mean over labels
  std::map<int, std::string> names;  // of labels
  std::vector<ClassifiedCase> classified;

  std::vector<std::pair<std::string, std::string>> cases() const {  // id, patient
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& each : segmented) all.emplace_back(each.id, each.patient);
    for (const auto& each : classified) all.emplace_back(each.id, each.patient);
    return all;
  }
};

std::optional<CellResult> found_in(const std::vector<fs::path>& folders, const std::string& hash) {
  for (const fs::path& folder : folders) {
    if (auto result = read_cell(folder, hash)) return result;
  }
  return std::nullopt;
}

Scored scored(CellResult result) {
  Scored one{std::move(result), {}, {}, {}, {}};
  const core::Table table = core::parse_csv(one.result.scores, "scores of cell " + one.result.cell.hash);
  if (one.result.task == "segmentation") {
    one.segmented = evaluate::scores_from(table);
    for (const evaluate::CaseScores& each : one.segmented)
      one.dice.push_back(evaluate::mean_of_labels(each, &evaluate::LabelScores::dice));
    const std::size_t label = table.column("label"), name = table.column("name");
    for (const auto& row : table.rows) one.names[std::stoi(row[label])] = row[name];
  } else {
    one.classified = classes_from(table);
  }
  return one;
}

double score_over(const Scored& cell, std::span<const std::size_t> cases) {
  if (!cell.segmented.empty()) {
    double sum = 0, count = 0;
    for (const std::size_t at : cases) {
      if (std::isfinite(cell.dice[at])) sum += cell.dice[at], ++count;
    }
    return count > 0 ? sum / count : kUnknown;
  }
  std::vector<double> probabilities;
  std::vector<int> truth;
  for (const std::size_t at : cases) {
    const ClassifiedCase& one = cell.classified[at];
    probabilities.insert(probabilities.end(), one.probabilities.begin(), one.probabilities.end());
    truth.push_back(one.truth.value());
  }
  const auto classes = static_cast<int>(cell.classified.front().probabilities.size());
  return evaluate::auc_one_vs_rest(probabilities, truth, classes);
}

// Which cases each patient of the test set has.
struct Patients {
  std::vector<std::vector<std::size_t>> cases;
  explicit Patients(const Scored& cell) {
    std::map<std::string, std::size_t> number;
    const auto all = cell.cases();
    for (std::size_t at = 0; at < all.size(); ++at) {
      const auto [found, fresh] = number.emplace(all[at].second, number.size());
      if (fresh) cases.emplace_back();
      cases[found->second].push_back(at);
    }
  }
  std::vector<std::size_t> of(std::span<const std::size_t> patients) const {
    std::vector<std::size_t> all;
    for (const std::size_t patient : patients) all.insert(all.end(), cases[patient].begin(), cases[patient].end());
    return all;
  }
};

// arm -> budget -> draw -> what it scored.
using Cells = std::map<std::string, std::map<std::int64_t, std::map<std::int64_t, Scored>>>;

std::string told(const StudyCell& cell) {
  return fmt::format("{}, {} labels, draw {}", cell.arm, cell.budget, cell.draw);
}

Cells gather(const StudyHead& head, const std::vector<fs::path>& folders, StudyTable& table) {
  Cells cells;
  const Scored* first = nullptr;
  for (const StudyCell& each : head.cells) {
    std::optional<CellResult> result = found_in(folders, each.hash);
    if (!result) {
      table.missing.push_back(told(each));
    } else if (!result->failed.empty()) {
      table.failed.push_back(told(each) + ": " + result->failed);
    } else {
      Scored& own = cells[each.arm][each.budget][each.draw] = scored(std::move(*result));
      if (first == nullptr) first = &own;
      if (own.cases() != first->cases())
        throw core::Error("the cells were scored on different test cases", "they are not of one study");
    }
  }
  return cells;
}

// Draws that every arm has finished.
std::vector<std::int64_t> whole_draws(const StudyHead& head, Cells& cells, std::int64_t budget) {
  std::vector<std::int64_t> whole;
  for (const auto& [draw, scratch] : cells[kScratch][budget]) {
    if (std::ranges::all_of(head.arms, [&](const std::string& arm) { return cells[arm][budget].contains(draw); }))
      whole.push_back(draw);
  }
  return whole;
}

std::vector<std::pair<std::string, double>> parts_of(const std::vector<const Scored*>& draws) {
  std::map<int, std::pair<double, double>> sums;
  for (const Scored* cell : draws) {
    for (const evaluate::CaseScores& one : cell->segmented) {
      for (const evaluate::LabelScores& each : one.labels) {
        if (std::isfinite(each.dice)) sums[each.label].first += each.dice, sums[each.label].second += 1;
      }
    }
  }
  std::vector<std::pair<std::string, double>> parts;
  for (const auto& [label, sum] : sums) parts.emplace_back(draws.front()->names.at(label), sum.first / sum.second);
  return parts;
}

// The design of the bootstrap, and the cells behind it by budget and draw.
struct Whole {
  evaluate::CurveDesign design;
  std::vector<std::int64_t> budgets;
  std::vector<std::vector<std::int64_t>> draws;
};

StudyCurve curve_of(const std::string& arm, Cells& cells, const Whole& whole, const Patients& patients,
                    const evaluate::BootstrapOptions& options) {
  const auto score_of = [&](const std::string& name) -> evaluate::ScoreOf {
    return [&, name](std::size_t budget, std::size_t draw, std::span<const std::size_t> chosen) {
      const Scored& cell = cells.at(name).at(whole.budgets[budget]).at(whole.draws[budget][draw]);
      return score_over(cell, patients.of(chosen));
    };
  };
  const auto points = evaluate::compare_curves(whole.design, score_of(kScratch), score_of(arm), options);
  StudyCurve curve{arm, {}, 0};
  for (std::size_t i = 0; i < points.size(); ++i) {
    StudyPoint point;
    point.budget = whole.budgets[i];
    point.draws = whole.draws[i];
    point.curve = points[i];
    std::vector<const Scored*> own;
    for (const std::int64_t draw : point.draws) own.push_back(&cells.at(arm).at(point.budget).at(draw));
    for (const Scored* each : own) {
      point.seconds += each->result.seconds / static_cast<double>(own.size());
      point.pretraining_seconds += each->result.pretraining_seconds / static_cast<double>(own.size());
    }
    if (!own.front()->segmented.empty()) point.parts = parts_of(own);
    curve.points.push_back(std::move(point));
  }
  return curve;
}

void add_ranks(const StudyHead& head, Cells& cells, const Whole& whole, StudyTable& table) {
  std::vector<double> scores;
  std::vector<std::size_t> everyone(table.cases);
  std::iota(everyone.begin(), everyone.end(), std::size_t{0});
  for (std::size_t i = 0; i < whole.budgets.size(); ++i) {
    for (const std::int64_t draw : whole.draws[i]) {
      for (const std::string& arm : head.arms)
        scores.push_back(score_over(cells.at(arm).at(whole.budgets[i]).at(draw), everyone));
    }
  }
  const std::vector<double> ranks = evaluate::mean_ranks(scores, head.arms.size());
  for (std::size_t arm = 0; arm < ranks.size(); ++arm) table.curves[arm].mean_rank = ranks[arm];
}

// All arms and budgets are questions to one data set; the claimed arm, decided beforehand, answers to itself alone.
void correct(const StudyHead& head, StudyTable& table) {
  std::vector<double*> claimed, others;
  std::vector<double> of_claimed, of_others;
  for (std::size_t arm = 1; arm < table.curves.size(); ++arm) {
    const bool own = table.curves[arm].arm == head.claimed;
    for (StudyPoint& point : table.curves[arm].points) {
      (own ? claimed : others).push_back(&point.corrected);
      (own ? of_claimed : of_others).push_back(point.curve.probability);
    }
  }
  const std::vector<double> first = evaluate::holm(of_claimed), second = evaluate::holm(of_others);
  for (std::size_t i = 0; i < claimed.size(); ++i) *claimed[i] = first[i];
  for (std::size_t i = 0; i < others.size(); ++i) *others[i] = second[i];
}

}  // namespace

StudyHead read_head(const fs::path& folder) {
  const fs::path path = folder / "study.json";
  if (!fs::exists(path))
    throw core::usage_error(folder.string() + " holds no study", "gadolin study run STORE --study FILE --out FOLDER");
  try {
    const json::object all = json::parse(core::read_text(path)).as_object();
    if (all.at("format").as_int64() > 1) throw core::Error(path.string() + ": a newer gadolin wrote it");
    StudyHead head;
    head.claimed = std::string(all.at("claimed").as_string());
    head.task = std::string(all.at("task").as_string());
    head.settings = std::string(all.at("settings").as_string());
    head.minutes_per_case = all.at("minutes_per_case").to_number<double>();
    for (const auto& arm : all.at("arms").as_array()) head.arms.emplace_back(arm.as_string());
    for (const auto& budget : all.at("budgets").as_array()) head.budgets.push_back(budget.to_number<std::int64_t>());
    for (const auto& each : all.at("cells").as_array())
      head.cells.push_back({std::string(each.at("hash").as_string()), std::string(each.at("arm").as_string()),
                            each.at("budget").to_number<std::int64_t>(), each.at("draw").to_number<std::int64_t>(),
                            ""});
    return head;
  } catch (const boost::system::system_error& error) {
    throw core::Error(path.string() + " cannot be read: " + error.what());
  }
}

StudyTable study_table(const StudyHead& head, const std::vector<fs::path>& folders,
                       const evaluate::BootstrapOptions& options) {
  StudyTable table;
  table.score = head.task == "segmentation" ? "mean Dice" : "AUC";
  Cells cells = gather(head, folders, table);
  Whole whole;
  for (const std::int64_t budget : head.budgets) {
    const std::vector<std::int64_t> draws = whole_draws(head, cells, budget);
    if (draws.empty()) continue;
    whole.budgets.push_back(budget);
    whole.draws.push_back(draws);
    whole.design.budgets.push_back(static_cast<double>(budget));
    whole.design.draws.push_back(draws.size());
  }
  if (whole.budgets.empty())
    throw core::Error(fmt::format("no draw of any budget is finished by all arms ({} cells are missing, {} failed)",
                                  table.missing.size(), table.failed.size()),
                      "gadolin study run goes on");
  const Scored& one = cells.at(kScratch).at(whole.budgets.front()).at(whole.draws.front().front());
  const Patients patients(one);
  table.patients = whole.design.patients = patients.cases.size();
  table.cases = one.cases().size();
  for (const std::string& arm : head.arms) table.curves.push_back(curve_of(arm, cells, whole, patients, options));
  add_ranks(head, cells, whole, table);
  correct(head, table);
  return table;
}

core::Table cells_table(const StudyHead& head, const std::vector<fs::path>& folders) {
  core::Table table{
      {"arm", "labels", "draw", "score", "learning_rate", "seconds", "pretraining_seconds", "failed", "hash"}, {}};
  for (const StudyCell& each : head.cells) {
    const std::optional<CellResult> result = found_in(folders, each.hash);
    if (!result) continue;
    std::string score;
    if (result->failed.empty()) {
      const Scored cell = scored(*result);
      std::vector<std::size_t> everyone(cell.cases().size());
      std::iota(everyone.begin(), everyone.end(), std::size_t{0});
      score = core::shortest(score_over(cell, everyone));
    }
    table.add({each.arm, std::to_string(each.budget), std::to_string(each.draw), score,
               core::shortest(result->learning_rate), core::fixed(result->seconds, 1),
               core::fixed(result->pretraining_seconds, 1), result->failed, each.hash});
  }
  return table;
}

}  // namespace pipelines
