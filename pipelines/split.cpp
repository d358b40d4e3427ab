#include "pipelines/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/rng.h"
#include "core/table.h"

namespace pipelines {
namespace {

// A patient's own number, the same on every machine.
std::uint64_t number_of(const std::string& patient) {
  return std::stoull(core::sha256_hex(std::string_view(patient)).substr(0, 16), nullptr, 16);
}

std::string sets_of(const Split& split) {
  std::map<std::string, int> sets;
  for (const auto& [id, set] : split.set_of) ++sets[set];
  std::string list;
  for (const auto& [set, count] : sets) list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", set, count);
  return list;
}

// Patients in drawn order, each with its cases.
using Patients = std::deque<std::vector<std::int64_t>>;

Patients shuffled(const std::map<std::string, std::vector<std::int64_t>>& by_patient, std::uint64_t draw,
                  std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [patient, cases] : by_patient)
    order.emplace_back(core::Rng({seed ^ number_of(patient), draw, 0, 0})(), patient);
  std::sort(order.begin(), order.end());
  Patients patients;
  for (const auto& [lot, patient] : order) patients.push_back(by_patient.at(patient));
  return patients;
}

}  // namespace

Split read_split(const std::filesystem::path& path) {
  const core::Table table = core::read_csv(path);
  const std::size_t id = table.column("case"), set = table.column("set");
  Split split;
  std::map<std::string, std::string> set_of_patient;
  for (const auto& row : table.rows) {
    if (!split.set_of.emplace(row[id], row[set]).second)
      throw core::usage_error("split " + path.filename().string() + ": case " + row[id] + " stands in it twice");
    if (!table.has_column("patient")) continue;
    const std::string& patient = row[table.column("patient")];
    split.patient_of[row[id]] = patient;
    const auto [at, fresh] = set_of_patient.emplace(patient, row[set]);
    if (!fresh && at->second != row[set]) {
      throw core::usage_error(fmt::format("split {}: the patient of case {} is in sets {} and {}",
                                          path.filename().string(), row[id], at->second, row[set]),
                              "put all cases of a patient into one set");
    }
  }
  return split;
}

Split split_by_patient(const store::Reader& reader, double test_share, std::uint64_t seed) {
  Split split;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& summary = reader.summary(i);
    const std::string patient = patient_of(split, summary);
    const bool test = core::Rng({seed ^ number_of(patient), 0, 0, 1}).uniform() < test_share;
    split.set_of[summary.id] = test ? "test" : "train";
  }
  return split;
}

std::vector<std::int64_t> cases_of(const Split& split, const std::string& set, const store::Reader& reader) {
  std::vector<std::int64_t> cases;
  std::int64_t named = 0;
  for (const auto& [id, own] : split.set_of) {
    if (own != set) continue;
    ++named;
    if (const auto index = reader.find(id)) cases.push_back(*index);
  }
  if (named == 0) throw core::usage_error("the split has no set '" + set + "'", "it has " + sets_of(split));
  if (cases.empty())
    throw core::usage_error("the store has none of the cases of set '" + set + "'",
                            "is it the split of another data set?");
  if (static_cast<std::int64_t>(cases.size()) < named)
    core::log_warn(fmt::format("the store lacks {} of the {} cases of set '{}'", named - cases.size(), named, set));
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::string patient_of(const Split& split, const store::CaseSummary& summary) {
  const auto found = split.patient_of.find(summary.id);
  if (found != split.patient_of.end() && !found->second.empty()) return found->second;
  return summary.groups.patient.empty() ? summary.id : summary.groups.patient;
}

std::vector<std::int64_t> draw_labelled(const Split& split, const store::Reader& reader,
                                        std::span<const std::int64_t> cases, std::int64_t count, std::uint64_t draw,
                                        std::uint64_t seed, const std::string& target) {
  std::map<double, std::map<std::string, std::vector<std::int64_t>>> strata;
  std::int64_t usable = 0;
  for (const std::int64_t index : cases) {
    const store::CaseSummary& summary = reader.summary(index);
    const auto scalar = summary.scalars.find(target);
    if (target.empty() ? !summary.has_labels : scalar == summary.scalars.end()) continue;
    strata[target.empty() ? 0 : scalar->second][patient_of(split, summary)].push_back(index);
    ++usable;
  }
  if (count < 1 || count > usable) {
    throw core::usage_error(fmt::format("{} labelled cases are asked for and {} have {}", count, usable,
                                        target.empty() ? "a label map" : "the target '" + target + "'"));
  }
  std::vector<Patients> queues;
  for (const auto& [value, by_patient] : strata) queues.push_back(shuffled(by_patient, draw, seed));
  std::vector<std::int64_t> drawn;
  for (std::size_t turn = 0; static_cast<std::int64_t>(drawn.size()) < count; ++turn) {
    Patients& queue = queues[turn % queues.size()];
    if (queue.empty()) continue;
    for (const std::int64_t index : queue.front())
      if (static_cast<std::int64_t>(drawn.size()) < count) drawn.push_back(index);
    queue.pop_front();
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace pipelines
