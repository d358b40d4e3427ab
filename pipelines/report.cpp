// gadolin report: runs beside each other, as one page that can be mailed.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "core/files.h"
#include "core/log.h"
#include "pipelines/command.h"
#include "pipelines/report_page.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::vector<std::string> runs;
  std::string out, title = "gadolin report";
};

// A folder that holds runs stands for them.
std::vector<fs::path> folders_of(const std::vector<std::string>& given) {
  std::vector<fs::path> folders;
  for (const fs::path path : given) {
    if (fs::exists(path / "run.json")) {
      folders.push_back(path);
      continue;
    }
    std::vector<fs::path> inside;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(path, failed)) {
      if (fs::exists(entry.path() / "run.json")) inside.push_back(entry.path());
    }
    if (inside.empty())
      throw core::usage_error(path.string() + " is no folder of a run, and holds none",
                              "give folders that gadolin pretrain or finetune wrote");
    std::sort(inside.begin(), inside.end());
    folders.insert(folders.end(), inside.begin(), inside.end());
  }
  return folders;
}

core::Exit write_report(const Request& request) {
  std::vector<Run> runs;
  bool failed = false;
  for (const fs::path& folder : folders_of(request.runs)) {
    try {
      runs.push_back(read_run(folder));
    } catch (const core::Error& error) {
      core::log_warn(error.what());
      failed = true;
    }
  }
  if (runs.empty()) throw core::Error("none of the runs could be read");
  const fs::path out = request.out.empty() ? fs::path(request.runs.front()) / "report.html" : fs::path(request.out);
  const std::vector<Comparison> comparisons = compare(runs);
  core::publish_file(out, std::string_view(report_page(runs, comparisons, request.title)));
  for (const Comparison& comparison : comparisons) {
    const Measure& first = comparison.measures.front();
    for (std::size_t a = 0; a < comparison.arms.size(); ++a) {
      std::printf("%s, %lld labelled: %-24s %s %s over %zu test cases, %zu draws\n", comparison.task.c_str(),
                  static_cast<long long>(comparison.labelled), comparison.arms[a].name.c_str(), first.name.c_str(),
                  interval_text(first.arms[a], first.decimals).c_str(), comparison.cases(),
                  comparison.arms[a].draws.size());
    }
  }
  std::printf("report: %zu runs in %s\n", runs.size(), out.string().c_str());
  return failed ? core::Exit::kSomeFailed : core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("RUN", request->runs, "folders of runs, or folders that hold them")->required();
  app.add_option("--out", request->out, "the page; default: report.html in the first folder")->type_name("FILE");
  app.add_option("--title", request->title, "heading of the page")->capture_default_str();
  return [request] { return write_report(*request); };
}

}  // namespace

extern const Command report_command;
const Command report_command{"report",
                             "one HTML page of runs: results with intervals, curves, pictures, how it was made",
                             "  gadolin report runs/pretrain\n"
                             "  gadolin report runs --out report.html --title 'Hippocampus, 8 labels'",
                             attach};

}  // namespace pipelines
