// STORE/ingest_report.html: what came in, what did not and why, what a person should look at.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "io/reasons.h"
#include "pipelines/ingest_report.h"
#include "report/page.h"

namespace pipelines {
namespace {

constexpr std::size_t kALeaf = 24;          // pictures that open on one click
constexpr std::size_t kMostPictures = 480;  // in one page, of about 20 kB each
constexpr std::size_t kMostRows = 200;      // of one table; the others are in the .csv

using Counts = std::map<std::string, std::int64_t>;

std::string cases_text(std::int64_t count) { return fmt::format("{} case{}", count, count == 1 ? "" : "s"); }

std::string caption_of(const CaseQuality& one) {
  const volume::Shape& s = one.shape;
  std::string text = fmt::format("{}\n{} {} x {} x {}, {:.3g} x {:.3g} x {:.3g} mm", one.id, one.modality, s.width,
                                 s.height, s.depth, one.spacing_mm[2], one.spacing_mm[1], one.spacing_mm[0]);
  if (!one.doubts.empty()) text += fmt::format("\n{}", fmt::join(one.doubts, ", "));
  return text;
}

report::Page::Item picture_of(const CaseQuality& one, const QualityLog& log) {
  return {log.thumbnail(one.id), caption_of(one),
          fmt::format("Case {}: axial, coronal and sagittal slice through the middle", one.id)};
}

std::vector<report::Page::Item> pictures_of(const std::vector<const CaseQuality*>& cases, const QualityLog& log) {
  std::vector<report::Page::Item> items;
  for (const CaseQuality* one : cases) {
    report::Page::Item item = picture_of(*one, log);
    if (!item.png.empty()) items.push_back(std::move(item));
  }
  return items;
}

// So many of them, evenly spread.
std::vector<const CaseQuality*> some_of(const std::vector<const CaseQuality*>& cases, std::size_t most) {
  if (cases.size() <= most) return cases;
  std::vector<const CaseQuality*> chosen;
  for (std::size_t i = 0; i < most; ++i) chosen.push_back(cases[i * cases.size() / most]);
  return chosen;
}

void add_leaves(report::Page& page, const std::vector<const CaseQuality*>& cases, const QualityLog& log,
                const std::string& what) {
  for (std::size_t begin = 0; begin < cases.size(); begin += kALeaf) {
    const std::size_t end = std::min(begin + kALeaf, cases.size());
    const std::vector<const CaseQuality*> leaf(cases.begin() + static_cast<std::ptrdiff_t>(begin),
                                               cases.begin() + static_cast<std::ptrdiff_t>(end));
    page.folded_gallery(fmt::format("{} {} to {} of {}: {} … {}", what, begin + 1, end, cases.size(), leaf.front()->id,
                                    leaf.back()->id),
                        pictures_of(leaf, log), begin == 0);
  }
}

// Codes with their counts, what they mean and what to do.
void add_codes(report::Page& page, const Counts& counts, const std::string& column, const std::string& caption) {
  core::Table table{{column, "cases", "why", "what to do"}, {}};
  for (const auto& [code, number] : counts) {
    const io::Reason* reason = io::find_reason(code);
    table.add({code, std::to_string(number), reason == nullptr ? "" : std::string(reason->meaning),
               reason == nullptr ? "" : std::string(reason->advice)});
  }
  std::stable_sort(table.rows.begin(), table.rows.end(),
                   [](const auto& a, const auto& b) { return std::stoll(a[1]) > std::stoll(b[1]); });
  page.table(table, caption);
}

void add_refused(report::Page& page, const IngestRun& run, const IngestSums& sums) {
  page.section("Refused");
  if (sums.tally.failed == 0) {
    page.paragraph("Nothing was refused.");
    return;
  }
  add_codes(page, sums.tally.reasons, "reason", "Refused cases by reason.");
  core::Table table{{"case", "reason", "what happened"}, {}};
  for (std::size_t i = 0; i < run.outcomes.size() && table.rows.size() < kMostRows; ++i) {
    const CaseOutcome& outcome = run.outcomes[i];
    if (outcome.status != CaseOutcome::Status::kFailed) continue;
    const std::string known = "case " + run.ids[i] + ": ";  // stands in the first column
    table.add({run.ids[i], outcome.reason,
               outcome.message.starts_with(known) ? outcome.message.substr(known.size()) : outcome.message});
  }
  const bool all = static_cast<std::int64_t>(table.rows.size()) == sums.tally.failed;
  page.table(table, all ? "Every refused case." : "The first refused cases; all are in ingest_report.csv.");
}

void add_flagged(report::Page& page, const IngestRun& run, const IngestSums& sums) {
  page.section("Worth a look");
  std::vector<const CaseQuality*> flagged;
  for (const CaseQuality* one : sums.cases) {
    if (!one->doubts.empty()) flagged.push_back(one);
  }
  if (flagged.empty()) {
    page.paragraph("No case was flagged.");
  } else {
    add_codes(page, sums.flags, "flag",
              "Doubts that follow from the voxels alone: they are in the store, and a person should look.");
    const std::vector<const CaseQuality*> shown = some_of(flagged, kMostPictures / 4);
    add_leaves(page, shown, run.quality, "Flagged");
  }
  if (!sums.notes.empty()) add_codes(page, sums.notes, "note", "Noted while reading; the cases are in the store.");
}

void add_twins(report::Page& page, const IngestSums& sums) {
  page.section("Duplicates");
  if (sums.twins.empty()) {
    page.paragraph("No two cases show the same.");
    return;
  }
  core::Table table{{"case", "and", "how", "patients"}, {}};
  std::int64_t strangers = 0;
  for (const Twins& pair : sums.twins) {
    strangers += !pair.same_patient();
    if (table.rows.size() == kMostRows) continue;
    table.add({pair.first->id, pair.second->id,
               pair.exact ? "same voxels" : fmt::format("alike, {} of 256 bits differ", pair.differing_bits),
               pair.same_patient() ? "one" : "two ids"});
  }
  if (strangers > 0) {
    page.warning(
        fmt::format("{} pair{} of equal or nearly equal pictures {} kept under two patient ids. If it is one "
                    "patient, give both the same id before you split the data: training and testing must not "
                    "share patients.",
                    strangers, strangers == 1 ? "" : "s", strangers == 1 ? "is" : "are"));
  }
  page.table(table,
             "Pairs with the same voxels, or whose coarse pictures are alike whatever their scale and order of "
             "axes.");
}

std::string bars_of(const std::string& title, const Counts& counts) {
  constexpr std::size_t kMost = 8;
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  report::ArmPlot plot{.title = title, .x_label = "cases", .decimals = 0, .width = 285};
  std::int64_t rest = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i >= kMost) rest += sorted[i].second;
    if (i < kMost) plot.arms.push_back({sorted[i].first, static_cast<double>(sorted[i].second)});
  }
  if (rest > 0) plot.arms.push_back({"others", static_cast<double>(rest)});
  return report::bar_plot(plot);
}

// Mean share of the voxels over the cases. Hounsfield units have one scale for all; other values are set to each case's
// own range.
std::string intensities_of(const std::string& modality, const std::vector<const CaseQuality*>& cases) {
  const bool own_scale = modality != "CT";
  std::vector<double> edges, shares;
  const double first = own_scale ? 0 : -1200, last = own_scale ? 1 : 2000;
  constexpr std::size_t kBins = volume::Quality::kBins;
  for (std::size_t i = 0; i <= kBins; ++i)
    edges.push_back(first + (last - first) * static_cast<double>(i) / static_cast<double>(kBins));
  shares.assign(kBins, 0);
  double count = 0;
  for (const CaseQuality* one : cases) {
    if (one->modality != modality) continue;
    ++count;
    double looked = 0;
    for (const std::int64_t bin : one->quality.histogram) looked += static_cast<double>(bin);
    for (std::size_t i = 0; i < kBins; ++i) {
      const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(kBins);
      const double value = own_scale ? at : one->quality.low + at * (one->quality.high - one->quality.low);
      const double place = std::clamp((value - first) / (last - first), 0.0, 1.0 - 1e-9);
      shares[static_cast<std::size_t>(place * static_cast<double>(kBins))] +=
          100 * static_cast<double>(one->quality.histogram[i]) / std::max(1.0, looked);
    }
  }
  for (double& share : shares) share /= std::max(1.0, count);
  return report::histogram_plot({.title = modality + " values",
                                 .x_label = own_scale ? "share of the case's own range" : "as stored, HU",
                                 .y_label = "% of voxels",
                                 .edges = edges,
                                 .counts = shares});
}

void add_contents(report::Page& page, const IngestSums& sums) {
  page.section("What is in it");
  std::vector<std::string> bars;
  for (const auto& [title, counts] : {std::pair<const char*, const Counts&>{"Modality", sums.modalities},
                                      {"Manufacturer", sums.vendors},
                                      {"Model", sums.models},
                                      {"Body part", sums.body_parts}}) {
    if (!counts.empty()) bars.push_back(bars_of(title, counts));
  }
  if (!bars.empty()) page.plots(bars, "Cases of which the source tells; the others are not counted.");
  std::vector<std::string> plots;
  for (const Spread& spread : sums.spreads) {
    plots.push_back(report::histogram_plot(
        {.title = "", .x_label = spread.label, .edges = spread.bins.edges, .counts = spread.bins.counts}));
  }
  page.plots(plots, "Spacing and size of the cases.");
  std::vector<std::pair<std::int64_t, std::string>> commonest;
  for (const auto& [modality, number] : sums.modalities) commonest.emplace_back(-number, modality);
  std::sort(commonest.begin(), commonest.end());
  plots.clear();
  for (std::size_t i = 0; i < std::min<std::size_t>(commonest.size(), 4); ++i)
    plots.push_back(intensities_of(commonest[i].second, sums.cases));
  if (!plots.empty()) page.plots(plots, "Values of the voxels, mean over the cases.");
}

std::string summary_of(const IngestRun& run, const IngestSums& sums) {
  const CaseTally& tally = sums.tally;
  std::string text =
      fmt::format("{} found: {} usable, {} refused", cases_text(static_cast<std::int64_t>(run.ids.size())),
                  tally.added + tally.present, tally.failed);
  if (tally.left > 0) text += fmt::format(", {} left for the next run", tally.left);
  std::int64_t flagged = 0;
  for (const CaseQuality* one : sums.cases) flagged += !one->doubts.empty();
  return text + fmt::format("; {} flagged, {} pair{} of duplicates.", flagged, sums.twins.size(),
                            sums.twins.size() == 1 ? "" : "s");
}

}  // namespace

std::string ingest_page(const IngestRun& run, const IngestSums& sums) {
  report::Page page(run.title, summary_of(run, sums));
  page.facts(run.facts);
  const auto known = static_cast<std::int64_t>(sums.cases.size());
  if (known < sums.tally.added + sums.tally.present)
    page.note(fmt::format("{} in the store have no notes of quality control and are not shown.",
                          cases_text(sums.tally.added + sums.tally.present - known)));
  add_refused(page, run, sums);
  add_flagged(page, run, sums);
  add_twins(page, sums);
  if (!sums.cases.empty()) {
    add_contents(page, sums);
    page.section("Pictures");
    const std::vector<const CaseQuality*> shown = some_of(sums.cases, kMostPictures);
    page.paragraph(shown.size() == sums.cases.size()
                       ? "Axial, coronal and sagittal slice through the middle; labels in colour."
                       : fmt::format("{} of {} cases, evenly chosen: axial, coronal and sagittal slice through the "
                                     "middle; labels in colour.",
                                     shown.size(), sums.cases.size()));
    add_leaves(page, shown, run.quality, "Cases");
  }
  page.section("How to read this");
  page.note(
      "Case names and patients are pseudonyms or names that the source's own tables gave. Flags are doubts that "
      "arithmetic has, no findings: nobody has looked at these cases. Pictures show anatomy; a head can be "
      "recognised by its face.");
  for (const std::string& note : run.notes) page.paragraph(note);
  return page.html();
}

}  // namespace pipelines
