#pragma once
// What ingest tells afterwards: a row a case (ingest_report.csv), the same in sums for programs (ingest_report.json)
// and for people (ingest_report.html). Case names, pseudonyms and codes; nothing else that a header told of a patient.

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/table.h"
#include "pipelines/case_loop.h"
#include "pipelines/ingest_quality.h"
#include "report/plot.h"

namespace pipelines {

// What became of a run. Refers to what it was made of.
struct IngestRun {
  std::string title;
  const std::vector<std::string>& ids;                     // of all cases found
  const std::vector<CaseOutcome>& outcomes;                // of each
  const QualityLog& quality;                               // of those that are in the store, or would be
  std::vector<std::pair<std::string, std::string>> facts;  // for the person: layout, seconds, forecast ...
  std::vector<std::string> notes;                          // of the cohort
};

// Two cases with the same voxels, or nearly so.
struct Twins {
  const CaseQuality* first;
  const CaseQuality* second;
  bool exact = false;
  int differing_bits = 0;  // of 256
  bool same_patient() const { return first->patient == second->patient; }
};

// A quantity over the cases.
struct Spread {
  std::string name, label;  // "slice_spacing_mm", "distance of slices, mm"
  report::Bins bins;
};

// The run in sums.
struct IngestSums {
  CaseTally tally;
  std::vector<const CaseQuality*> cases;                                        // usable ones, in the order of the run
  std::map<std::string, std::int64_t> notes, flags;                             // by code
  std::map<std::string, std::int64_t> modalities, vendors, models, body_parts;  // what is not told is left out
  std::vector<Twins> twins;                                                     // exact ones first, at most kMostTwins
  std::vector<Spread> spreads;
};
inline constexpr std::size_t kMostTwins = 1000;

IngestSums sums_of(const IngestRun& run, int threads);

core::Table ingest_table(const IngestRun& run, const IngestSums& sums);  // ingest_report.csv
std::string ingest_json(const IngestRun& run, const IngestSums& sums);
std::string ingest_page(const IngestRun& run, const IngestSums& sums);  // ingest_page.cpp

}  // namespace pipelines
