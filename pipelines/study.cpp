// gadolin study: what pretraining is worth at few labels.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <memory>

#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/table.h"
#include "pipelines/command.h"
#include "pipelines/study_page.h"
#include "pipelines/study_run.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Words {
  StudyRequest request;
  std::string file, shard = "1/1";
  std::vector<std::string> set;
  // Of report and merge.
  std::vector<std::string> folders, cells;
  std::string out, markdown, svg, csv, title = "gadolin study";
  bool json = false;
};

// "2/5": the second of five.
void take_shard(const std::string& text, StudyRequest& request) {
  const std::size_t slash = text.find('/');
  try {
    request.shard = std::stoll(text);
    request.shards = slash == std::string::npos ? 0 : std::stoll(text.substr(slash + 1));
  } catch (const std::logic_error&) {
    request.shards = 0;
  }
  if (request.shard < 1 || request.shards < request.shard)
    throw core::usage_error("--shard " + text + " is no part of a study", "--shard 2/5 takes every fifth cell");
}

core::Exit run_with(Words& words) {
  take_shard(words.shard, words.request);
  std::vector<core::Setting> settings;
  if (!words.file.empty()) settings = core::settings_from_file(words.file);
  for (const std::string& each : words.set) settings.push_back(core::setting_from_argument(each));
  return run_study(words.request, study_plan(settings));
}

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

json::object json_of(const StudyHead& head, const StudyTable& table) {
  json::array points;
  const auto interval = [](const evaluate::Interval& i) {
    return json::object{{"value", number(i.value)}, {"low", number(i.low)}, {"high", number(i.high)}};
  };
  for (const StudyCurve& curve : table.curves) {
    for (const StudyPoint& point : curve.points) {
      points.push_back(json::object{{"arm", curve.arm},
                                    {"claimed", curve.arm == head.claimed},
                                    {"labels", point.budget},
                                    {"draws", json::array(point.draws.begin(), point.draws.end())},
                                    {"score", interval(point.curve.score)},
                                    {"difference", interval(point.curve.difference)},
                                    {"p", point.curve.probability},
                                    {"p_holm", point.corrected},
                                    {"labels_factor", interval(point.curve.saved.factor)},
                                    {"labels_factor_beyond", point.curve.saved.share_beyond},
                                    {"mean_rank", curve.mean_rank},
                                    {"seconds", point.seconds},
                                    {"pretraining_seconds", point.pretraining_seconds}});
    }
  }
  return {{"score", table.score}, {"patients", table.patients},      {"cases", table.cases},
          {"points", points},     {"missing", table.missing.size()}, {"failed", table.failed.size()}};
}

core::Exit report_of(const Words& words) {
  const fs::path folder = words.folders.front();
  const StudyHead head = read_head(folder);
  std::vector<fs::path> cells{folder / "cells"};
  for (const std::string& each : words.cells) cells.emplace_back(each);
  const StudyTable table = study_table(head, cells, {.threads = core::usable_processors()});
  const core::Table rows = cells_table(head, cells);
  const fs::path out = words.out.empty() ? folder / "report.html" : fs::path(words.out);
  core::publish_file(out, std::string_view(study_page(head, table, rows, words.title)));
  if (!words.svg.empty()) core::publish_file(words.svg, std::string_view(curves_svg(table, words.title)));
  if (!words.csv.empty()) core::publish_file(words.csv, std::string_view(core::to_csv(rows)));
  if (!words.markdown.empty()) {
    const std::string figure = words.svg.empty() ? "curves.svg" : fs::path(words.svg).filename().string();
    core::publish_file(words.markdown, std::string_view(study_markdown(head, table, words.title, figure)));
  }
  if (words.json) {
    std::printf("%s\n", json::serialize(json_of(head, table)).c_str());
  } else {
    std::printf("%s\n", core::to_text(rows_of(head, table)).c_str());
    for (const std::string& finding : findings_of(head, table)) std::printf("%s\n", finding.c_str());
    if (!table.missing.empty()) std::printf("%zu cells are not finished\n", table.missing.size());
    for (const std::string& failed : table.failed) std::printf("failed: %s\n", failed.c_str());
    std::printf("report: %s\n", out.string().c_str());
  }
  return table.failed.empty() ? core::Exit::kDone : core::Exit::kSomeFailed;
}

// Cells of studies that ran apart, put beside each other.
core::Exit merge(const Words& words) {
  const fs::path out = fs::path(words.out);
  std::size_t copied = 0, there = 0;
  for (const fs::path folder : words.folders) {
    const StudyHead head = read_head(folder);
    if (!fs::exists(out / "study.json"))
      core::publish_file(out / "study.json", std::string_view(core::read_text(folder / "study.json")));
    if (core::read_text(out / "study.json") != core::read_text(folder / "study.json"))
      throw core::usage_error(folder.string() + " holds another study than " + words.folders.front(),
                              "only parts of one study can be merged");
    for (const StudyCell& each : head.cells) {
      const std::optional<CellResult> own = read_cell(folder / "cells", each.hash);
      if (!own) continue;
      const std::optional<CellResult> before = read_cell(out / "cells", each.hash);
      if (before && before->scores != own->scores)
        throw core::Error("cell " + each.hash + " of " + folder.string() + " has other scores than one that is there",
                          "a cell is the same wherever it is made: another processor or library?");
      if (!before) write_cell(out / "cells", *own);
      ++(before ? there : copied);
    }
  }
  std::printf("study merge: %zu cells copied to %s, %zu were there\n", copied, out.c_str(), there);
  return core::Exit::kDone;
}

void attach_run(CLI::App& app, Words& words) {
  StudyRequest& request = words.request;
  app.add_option("STORE", request.store, "prepared store")->required();
  app.add_option("--study", words.file, "YAML: what is compared")->required()->type_name("FILE");
  app.add_option("--out", request.out, "folder of the study; one that is there goes on")->required()->type_name("DIR");
  app.add_option("--set", words.set, "one setting, after the file's: study.draws=3")->type_name("KEY=VALUE");
  app.add_option("--split", request.split,
                 "CSV with case, set and patient; without it 30 % of the patients are the test set")
      ->type_name("CSV");
  app.add_option("--shard", words.shard, "i/n: every n-th cell, beginning with the i-th (a Slurm array)")
      ->capture_default_str();
  app.add_option("--cells", request.most_cells, "end after so many cells; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--device", request.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request.threads, "of torch, in each training; numbers repeat for one such number")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_flag("--keep", request.keep, "keep the folders of fine-tunings: networks, pictures, logs");
  app.add_flag("--dry-run", request.dry_run, "check everything and tell what would be done");
}

void attach_report(CLI::App& app, Words& words) {
  app.add_option("DIR", words.folders, "folder of a study")->required()->expected(1);
  app.add_option("--cells", words.cells, "more folders of finished cells")->type_name("DIR");
  app.add_option("--out", words.out, "the page; default: report.html in the folder")->type_name("FILE");
  app.add_option("--markdown", words.markdown, "the tables as Markdown too")->type_name("FILE");
  app.add_option("--svg", words.svg, "the curves as a file of their own")->type_name("FILE");
  app.add_option("--csv", words.csv, "one row a cell")->type_name("FILE");
  app.add_option("--title", words.title, "heading of the page")->capture_default_str();
  app.add_flag("--json", words.json, "the numbers as one JSON object on standard output");
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto words = std::make_shared<Words>();
  app.require_subcommand(1);
  CLI::App* const run = app.add_subcommand("run", "train and score the cells of a study; goes on where it stopped");
  attach_run(*run, *words);
  CLI::App* const report = app.add_subcommand("report", "curves, tables and sentences from finished cells");
  attach_report(*report, *words);
  CLI::App* const merged = app.add_subcommand("merge", "put cells of one study that were made apart into one folder");
  merged->add_option("DIR", words->folders, "folders of the study's parts")->required();
  merged->add_option("--out", words->out, "where they go")->required()->type_name("DIR");
  return [words, run, report] {
    if (run->parsed()) return run_with(*words);
    return report->parsed() ? report_of(*words) : merge(*words);
  };
}

BoundSettings study_settings(std::span<const core::Setting>) {
  const auto settings = std::make_shared<StudySettings>();
  return {settings, core::slots_of(*settings), {}};
}

}  // namespace

extern const Command study_command;
const Command study_command{
    "study", "label-efficiency curves: pretraining beside scratch at few labels, with intervals",
    "  gadolin study run PREPARED --study configs/studies/quick.yaml --out studies/quick --dry-run\n"
    "  gadolin study run PREPARED --study configs/studies/quick.yaml --out studies/quick\n"
    "  gadolin study run PREPARED --study my.yaml --out studies/my --shard $SLURM_ARRAY_TASK_ID/20\n"
    "  gadolin study report studies/quick --out report.html\n"
    "  gadolin study merge part1 part2 --out whole",
    attach, study_settings};

}  // namespace pipelines
