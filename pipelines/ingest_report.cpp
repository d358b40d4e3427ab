#include "pipelines/ingest_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "io/reasons.h"

namespace pipelines {
namespace {

namespace json = boost::json;

bool usable(const CaseOutcome& outcome) {
  return outcome.status == CaseOutcome::Status::kAdded || outcome.status == CaseOutcome::Status::kPresent;
}

void count(std::map<std::string, std::int64_t>& counts, const std::string& name) {
  if (!name.empty()) ++counts[name];
}

std::vector<Twins> exact_twins(const std::vector<const CaseQuality*>& cases) {
  std::map<std::string, const CaseQuality*> first;
  std::vector<Twins> twins;
  for (const CaseQuality* one : cases) {
    const auto [there, added] = first.emplace(one->voxels_sha256, one);
    if (!added) twins.push_back({there->second, one, true, 0});
  }
  return twins;
}

std::vector<Twins> twins_of(const std::vector<const CaseQuality*>& cases, int threads) {
  std::vector<Twins> twins = exact_twins(cases);
  std::vector<const CaseQuality*> pictures;  // of which something can be seen
  std::vector<volume::Likeness> likenesses;
  for (const CaseQuality* one : cases) {
    if (std::count(one->doubts.begin(), one->doubts.end(), "BLANK") > 0) continue;
    pictures.push_back(one);
    likenesses.push_back(one->likeness);
  }
  for (const auto& [a, b] : volume::alike_pairs(likenesses, threads)) {
    const CaseQuality *first = pictures[a], *second = pictures[b];
    if (first->voxels_sha256 != second->voxels_sha256)
      twins.push_back({first, second, false, volume::differing_bits(first->likeness, second->likeness)});
  }
  if (twins.size() > kMostTwins) twins.resize(kMostTwins);
  return twins;
}

std::vector<Spread> spreads_of(const std::vector<const CaseQuality*>& cases) {
  std::vector<double> between, within, slices, sides, megabytes;
  for (const CaseQuality* one : cases) {
    const auto& s = one->spacing_mm;
    // Slices lie farthest apart; where all are equal any axis will do.
    const auto across = static_cast<std::size_t>(std::max_element(s.begin(), s.end()) - s.begin());
    between.push_back(s[across]);
    within.push_back(std::min(s[(across + 1) % 3], s[(across + 2) % 3]));
    slices.push_back(static_cast<double>(one->shape[static_cast<int>(across)]));
    const int other = static_cast<int>(across + 1) % 3, third = static_cast<int>(across + 2) % 3;
    sides.push_back(static_cast<double>(std::max(one->shape[other], one->shape[third])));
    megabytes.push_back(static_cast<double>(one->bytes) / 1e6);
  }
  return {{"slice_spacing_mm", "distance of slices, mm", report::round_bins(between)},
          {"pixel_spacing_mm", "pixel spacing, mm", report::round_bins(within)},
          {"slices", "slices", report::round_bins(slices)},
          {"matrix", "longer side of a slice, voxels", report::round_bins(sides)},
          {"megabytes", "size of a case unpacked, MB", report::round_bins(megabytes)}};
}

json::array codes_with_meaning(const std::map<std::string, std::int64_t>& counts) {
  json::array all;
  for (const auto& [code, number] : counts) {
    const io::Reason* reason = io::find_reason(code);
    all.push_back(json::object{{"code", code},
                               {"cases", number},
                               {"meaning", reason == nullptr ? "" : reason->meaning},
                               {"advice", reason == nullptr ? "" : reason->advice}});
  }
  return all;
}

json::object counts_json(const std::map<std::string, std::int64_t>& counts) {
  json::object all;
  for (const auto& [name, number] : counts) all[name] = number;
  return all;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

}  // namespace

IngestSums sums_of(const IngestRun& run, int threads) {
  IngestSums sums;
  sums.tally = tally_of(run.outcomes);
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const CaseQuality* one = usable(run.outcomes[i]) ? run.quality.find(run.ids[i]) : nullptr;
    if (one == nullptr) continue;
    sums.cases.push_back(one);
    for (const std::string& code : one->notes) ++sums.notes[code];
    for (const std::string& code : one->doubts) ++sums.flags[code];
    count(sums.modalities, one->modality);
    count(sums.vendors, one->vendor);
    count(sums.models, one->model);
    count(sums.body_parts, one->body_part);
  }
  sums.twins = twins_of(sums.cases, threads);
  sums.spreads = spreads_of(sums.cases);
  return sums;
}

core::Table ingest_table(const IngestRun& run, const IngestSums& sums) {
  core::Table table{
      {"case",    "status", "reason", "message", "modality",     "vendor",        "model",        "body_part",
       "patient", "slices", "rows",   "columns", "spacing_d_mm", "spacing_h_mm",  "spacing_w_mm", "orientation",
       "type",    "low",    "high",   "noise",   "snr",          "content_share", "flags",        "alike"},
      {}};
  std::map<std::string, std::string> alike;
  for (const Twins& pair : sums.twins) alike.emplace(pair.second->id, pair.first->id);
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const CaseOutcome& outcome = run.outcomes[i];
    const CaseQuality* one = usable(outcome) ? run.quality.find(run.ids[i]) : nullptr;
    std::vector<std::string> row{run.ids[i], name(outcome.status), one == nullptr ? outcome.reason : joined(one->notes),
                                 outcome.message};
    if (one != nullptr) {
      const volume::Quality& q = one->quality;
      row.insert(row.end(), {one->modality,
                             one->vendor,
                             one->model,
                             one->body_part,
                             one->patient,
                             std::to_string(one->shape.depth),
                             std::to_string(one->shape.height),
                             std::to_string(one->shape.width),
                             fmt::format("{:.6g}", one->spacing_mm[0]),
                             fmt::format("{:.6g}", one->spacing_mm[1]),
                             fmt::format("{:.6g}", one->spacing_mm[2]),
                             one->orientation,
                             one->voxel_type,
                             fmt::format("{:.6g}", q.low),
                             fmt::format("{:.6g}", q.high),
                             fmt::format("{:.4g}", q.noise),
                             std::isfinite(q.snr) ? fmt::format("{:.4g}", q.snr) : "",
                             fmt::format("{:.4f}", q.content_share),
                             joined(one->doubts),
                             alike[one->id]});
    }
    row.resize(table.columns.size());
    table.add(std::move(row));
  }
  return table;
}

std::string ingest_json(const IngestRun& run, const IngestSums& sums) {
  const CaseTally& tally = sums.tally;
  json::object all{{"format", "gadolin ingest report"}, {"version", GADOLIN_VERSION}};
  all["outcomes"] = json::object{{"found", run.ids.size()},
                                 {"added", tally.added},
                                 {"present", tally.present},
                                 {"failed", tally.failed},
                                 {"left", tally.left}};
  all["reasons"] = codes_with_meaning(tally.reasons);
  all["notes"] = codes_with_meaning(sums.notes);
  all["flags"] = codes_with_meaning(sums.flags);
  all["modality"] = counts_json(sums.modalities);
  all["manufacturer"] = counts_json(sums.vendors);
  all["model"] = counts_json(sums.models);
  all["body_part"] = counts_json(sums.body_parts);
  json::object spreads;
  for (const Spread& spread : sums.spreads) {
    spreads[spread.name] = json::object{{"edges", json::array(spread.bins.edges.begin(), spread.bins.edges.end())},
                                        {"cases", json::array(spread.bins.counts.begin(), spread.bins.counts.end())}};
  }
  all["histograms"] = std::move(spreads);
  json::array twins;
  for (const Twins& pair : sums.twins) {
    twins.push_back({{"first", pair.first->id},
                     {"second", pair.second->id},
                     {"exact", pair.exact},
                     {"differing_bits", pair.differing_bits},
                     {"same_patient", pair.same_patient()}});
  }
  all["duplicates"] = std::move(twins);
  json::object facts;
  for (const auto& [name, value] : run.facts) facts[name] = value;
  all["facts"] = std::move(facts);
  return json::serialize(all) + "\n";
}

}  // namespace pipelines
