#include "pipelines/report_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/table.h"
#include "report/plot.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Runs = std::vector<const Run*>;

std::string name_of(const Run& run) { return run.folder.filename().string(); }

std::vector<double> values_of(const Run& run, const std::string& metric) {
  std::vector<double> values;
  const auto found = run.metrics.find(metric);
  if (found == run.metrics.end()) return values;
  for (const auto& [step, value] : found->second) values.push_back(value);
  return values;
}

report::Series series_of(const Run& run, const std::string& metric) {
  report::Series series{.name = name_of(run), .x = {}, .y = {}, .low = {}, .high = {}};
  const auto found = run.metrics.find(metric);
  if (found == run.metrics.end()) return series;
  for (const auto& [step, value] : found->second) {
    series.x.push_back(static_cast<double>(step));
    series.y.push_back(value);
  }
  series.low = values_of(run, metric + "_low");
  series.high = values_of(run, metric + "_high");
  if (series.low.size() != series.y.size() || series.high.size() != series.y.size()) {
    series.low.clear();
    series.high.clear();
  }
  series.markers = series.y.size() <= 12;
  series.smooth = series.y.size() > 40 ? static_cast<int>(series.y.size() / 20) : 0;
  return series;
}

// Empty when no run has the number.
report::LinePlot curve_of(const Runs& runs, const std::string& metric, const std::string& title) {
  report::LinePlot plot{.title = title, .x_label = "step", .y_label = metric};
  for (const Run* run : runs) {
    report::Series series = series_of(*run, metric);
    if (!series.x.empty()) plot.series.push_back(std::move(series));
  }
  if (plot.series.size() == 1 && runs.size() > 1) plot.title += ": " + plot.series.front().name;  // it has no legend
  return plot;
}

void add_curve(report::Page& page, const Runs& runs, const std::string& metric, const std::string& title,
               const std::string& caption) {
  const report::LinePlot plot = curve_of(runs, metric, title);
  if (!plot.series.empty()) page.figure_svg(report::line_plot(plot), caption);
}

// Those that some run has, beside each other.
void add_small_curves(report::Page& page, const Runs& runs,
                      const std::vector<std::pair<std::string, std::string>>& metrics, const std::string& caption) {
  std::vector<std::string> svgs;
  for (const auto& [metric, title] : metrics) {
    report::LinePlot plot = curve_of(runs, metric, title);
    if (plot.series.empty()) continue;
    plot.y_label.clear();
    plot.width = 420;
    plot.height = 240;
    svgs.push_back(report::line_plot(plot));
  }
  if (!svgs.empty()) page.plots(svgs, caption);
}

report::Page::Item item_of(const fs::path& file, const std::string& caption, const std::string& alternative) {
  const std::string bytes = core::read_text(file);
  const auto begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {{begin, begin + bytes.size()}, caption, alternative};
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(folder, failed)) {
    if (file.path().extension() == ".png") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void add_pictures(report::Page& page, const fs::path& folder, const std::string& heading, const std::string& what) {
  const std::vector<fs::path> files = pictures_in(folder);
  if (files.empty()) return;
  page.subsection(heading);
  std::vector<report::Page::Item> items;
  for (const fs::path& file : files)
    items.push_back(item_of(file, file.stem().string(), what + ", " + file.stem().string()));
  page.gallery(items);
}

void add_last_picture(report::Page& page, const Run& run) {
  const std::vector<fs::path> files = pictures_in(run.folder / "pictures");
  if (files.empty()) return;
  page.subsection("What is made of it: " + name_of(run));
  const std::string name = files.back().stem().string();
  const auto item = item_of(files.back(), "", "");
  page.figure_png(
      item.png,
      fmt::format("The last of {} picture{} in RUN/pictures ({}): a row for each sample, its views, then what "
                  "the method makes of them, all of a row in one grey window.",
                  files.size(), files.size() == 1 ? "" : "s", name),
      "views of samples and what the method makes of them, " + name);
}

void add_health(report::Page& page, const Runs& runs) {
  for (const Run* run : runs) {
    const auto found = run->metrics.find("collapsed");
    if (found == run->metrics.end()) continue;
    const auto first =
        std::find_if(found->second.begin(), found->second.end(), [](const auto& r) { return r.second > 0; });
    if (first == found->second.end()) continue;
    page.warning(
        fmt::format("{}: the embeddings had collapsed at step {}: their rank or spread was below the share "
                    "watch.alarm of what it was at the start.",
                    name_of(*run), first->first));
  }
  add_small_curves(page, runs,
                   {{"effective_rank", "Effective rank"},
                    {"embedding_spread", "Spread"},
                    {"embedding_deviation", "Deviation of a dimension"},
                    {"alignment", "Alignment of two views"},
                    {"uniformity", "Uniformity"}},
                   "Health of the embeddings of training views, the last watch.pool of them. Effective rank: how many "
                   "directions they fill; spread and deviation: how far they lie apart (0: all alike); alignment: how "
                   "far two views of a sample lie apart (0: together); uniformity: 0 when all are alike, about -4 when "
                   "they are spread evenly. A fall of the first three to nothing is a collapse.");
  for (const std::string kind : {"knn", "linear"})
    add_curve(
        page, runs, "probe/" + kind, "Probe on labelled cases (" + kind + ")",
        "Area under the ROC curve of predictions for patients that the probe has not seen, with its 95 % interval "
        "over patients; 0.5 is chance.");
}

// The mean of a time over the rows, or 0.
double mean_time(const Run& run, const std::string& name) {
  const auto found = run.timings.find("time/" + name);
  if (found == run.timings.end() || found->second.empty()) return 0;
  double sum = 0;
  for (const auto& [step, value] : found->second) sum += value;
  return sum / static_cast<double>(found->second.size());
}

void add_times(report::Page& page, const Runs& runs) {
  Runs timed;
  for (const Run* run : runs) {
    if (mean_time(*run, "step_s") > 0) timed.push_back(run);
  }
  if (timed.empty()) return;
  core::Table table{{"part of a step"}, {}};
  for (const Run* run : timed) table.columns.push_back(name_of(*run));
  const auto add = [&](const std::string& word, const auto& number) {
    std::vector<std::string> row{word};
    for (const Run* run : timed) row.push_back(number(*run));
    table.add(std::move(row));
  };
  const std::vector<std::pair<std::string, std::string>> parts{
      {"load_s", "waiting for data"},  {"forward_s", "forward"},     {"backward_s", "backward"},
      {"comm_s", "other ranks"},       {"optimiser_s", "optimiser"}, {"watch_s", "watching"},
      {"checkpoint_s", "checkpoints"}, {"other_s", "other"}};
  for (const auto& [name, word] : parts)
    add(word + ", %",
        [&](const Run& run) { return core::fixed(100 * mean_time(run, name) / mean_time(run, "step_s"), 1); });
  add("all of it, s", [](const Run& run) { return fmt::format("{:.3g}", mean_time(run, "step_s")); });
  add("views made beside it, s of all threads",
      [](const Run& run) { return fmt::format("{:.3g}", mean_time(run, "augment_s")); });
  page.table(table, "Where the time of a step goes (timings.csv): means over the rows.", "all of it, s");
}

void add_pretraining(report::Page& page, const Runs& runs) {
  page.section("Pretraining");
  add_curve(page, runs, "loss", "Loss of pretraining", "The loss of each step's batch; the line is a running mean.");
  add_small_curves(page, runs, {{"learning_rate", "Learning rate"}, {"gradient_norm", "Norm of the gradient"}},
                   "The learning rate as scheduled; the norm of the gradient before it is clipped.");
  add_health(page, runs);
  add_times(page, runs);
  for (const Run* run : runs) {
    add_last_picture(page, *run);
    add_pictures(page, run->folder / "views", "What the network was shown: " + name_of(*run), "augmented views");
  }
}

void add_finetuning(report::Page& page, const Runs& runs) {
  page.section("Fine-tuning");
  add_curve(page, runs, "loss", "Loss of fine-tuning", "The loss of each step's batch; the line is a running mean.");
  // One draw of each arm is enough to look at.
  std::set<std::string> shown;
  for (const Run* run : runs) {
    if (!shown.insert(run->task + run->arm).second) continue;
    add_pictures(page, run->folder / "pictures", "Truth above, prediction below: " + name_of(*run),
                 "slices with truth and prediction");
  }
}

}  // namespace

void add_training(report::Page& page, const std::vector<Run>& runs) {
  Runs pretraining, finetuning;
  for (const Run& run : runs) (run.record.kind == "pretrain" ? pretraining : finetuning).push_back(&run);
  if (!pretraining.empty()) add_pretraining(page, pretraining);
  if (!finetuning.empty()) add_finetuning(page, finetuning);
}

}  // namespace pipelines
