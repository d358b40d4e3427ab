// gadolin ingest: a cohort, wherever and however it lies, into a store.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "io/layout.h"
#include "io/worker_pool.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "store/writer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Request {
  std::string source, store, layout = "auto", shard;
  std::vector<std::string> labels;
  int workers = 0;
  double commit_every_s = 60, limit_s = 60;
  std::int64_t limit_mb = 2048;
  bool dry_run = false, json = false;
};

// "1=anterior" each; 0 is the background unless said otherwise.
std::map<int, std::string> label_names(const std::vector<std::string>& arguments) {
  std::map<int, std::string> names;
  for (const std::string& argument : arguments) {
    const std::size_t cut = argument.find('=');
    const std::string number = argument.substr(0, cut);
    if (cut == std::string::npos || cut + 1 == argument.size() || number.empty() || number.size() > 5 ||
        number.find_first_not_of("0123456789") != std::string::npos || std::stoi(number) > 65535) {
      throw core::usage_error("--labels " + argument + " is not NUMBER=NAME", "for example --labels 1=liver 2=tumour");
    }
    names[std::stoi(number)] = argument.substr(cut + 1);
  }
  if (!names.empty()) names.emplace(0, "background");
  return names;
}

io::WorkerLimits limits_of(const Request& request) {
  io::WorkerLimits limits;
  limits.cpu_s = request.limit_s;
  limits.wall_s = 5 * request.limit_s;
  limits.memory_bytes = static_cast<std::uint64_t>(request.limit_mb) << 20;
  return limits;
}

// "2/8": the second of eight parts. A case's part follows from its id alone, so the parts are disjoint and together
// they are all, on whatever machines they are made.
void keep_shard(const std::string& shard, std::vector<io::Entry>& entries) {
  unsigned part = 0, parts = 0;
  int read = 0;
  if (std::sscanf(shard.c_str(), "%u/%u%n", &part, &parts, &read) != 2 ||
      static_cast<std::size_t>(read) != shard.size() || part < 1 || part > parts)
    throw core::usage_error("--shard " + shard + " is no part of a whole", "for example --shard 1/8 to --shard 8/8");
  std::erase_if(entries, [&](const io::Entry& entry) {
    return std::stoul(core::sha256_hex(entry.id).substr(0, 8), nullptr, 16) % parts != part - 1;
  });
}

// Loads one case and adds it. What is wrong with the case becomes its outcome; what is wrong with the store is thrown.
CaseOutcome take_in(const io::Entry& entry, const io::Cohort& cohort, io::Reading& reading, store::Writer* writer) {
  std::optional<volume::Case> one;
  std::string hash;
  try {
    if (writer != nullptr) {
      hash = io::source_hash(entry);
      if (writer->has(entry.id, hash)) return {CaseOutcome::Status::kPresent, "", ""};
    }
    one = reading.load(entry, cohort);
  } catch (const core::Error& error) {
    return CaseOutcome::failed(io::reason_of(error), error);
  } catch (const std::bad_alloc&) {
    return CaseOutcome::failed("MEMORY",
                               core::Error("case " + entry.id + ": out of memory", "fewer --workers need less"));
  }
  if (writer == nullptr) return CaseOutcome::added(*one);
  return add_to(*writer, *one, hash);
}

void tell_summary(const Request& request, const io::Cohort& cohort, const CaseTally& sum, std::int64_t in_store,
                  double seconds) {
  if (request.json) {
    boost::json::object reasons, labels;
    for (const auto& [reason, count] : sum.reasons) reasons[reason] = count;
    for (const auto& [value, label] : cohort.label_names) labels[std::to_string(value)] = label;
    const boost::json::object all{{"layout", cohort.layout},   {"found", cohort.entries.size()},
                                  {"added", sum.added},        {"present", sum.present},
                                  {"failed", sum.failed},      {"left", sum.left},
                                  {"reasons", reasons},        {"labels", labels},
                                  {"in_store", in_store},      {"seconds", seconds},
                                  {"dry_run", request.dry_run}};
    std::printf("%s\n", boost::json::serialize(all).c_str());
    return;
  }
  std::string line = fmt::format("ingest ({}): {} cases found, {} {}", cohort.layout, cohort.entries.size(), sum.added,
                                 request.dry_run ? "usable" : "added");
  line += sum.text();
  if (!request.dry_run) line += fmt::format("; {} in the store", in_store);
  std::printf("%s; %s\n", line.c_str(), core::duration_text(seconds).c_str());
  if (sum.failed > 0 && !request.dry_run) std::printf("why: %s/ingest_report.csv\n", request.store.c_str());
}

core::Exit ingest(const Request& given) {
  Request request = given;
  if (request.workers <= 0) request.workers = core::usable_processors();
  if (request.store.empty() && !request.dry_run)
    throw core::usage_error("no store is named", "gadolin ingest SOURCE STORE, or --dry-run to check only");
  const auto start = Clock::now();
  io::WorkerPool workers({request.workers, limits_of(request), {}});
  io::Cohort cohort =
      io::find_cohort(request.source, {request.layout, label_names(request.labels), request.workers, &workers});
  for (const std::string& note : cohort.notes) core::log_info(note);
  if (!request.shard.empty()) keep_shard(request.shard, cohort.entries);
  std::unique_ptr<store::Writer> writer;
  if (!request.dry_run) {
    store::WriterOptions options;
    options.label_names = cohort.label_names;
    writer = std::make_unique<store::Writer>(request.store, options);
  }
  const core::StopSignal stop;  // ends the command after the cases at hand
  const CaseLoop loop{request.dry_run ? "check" : "ingest", static_cast<std::int64_t>(cohort.entries.size()),
                      request.workers, writer.get(), request.commit_every_s};
  const std::vector<CaseOutcome> outcomes = run_cases(loop, stop, [&](std::int64_t i) {
    return take_in(cohort.entries[static_cast<std::size_t>(i)], cohort, workers, writer.get());
  });
  if (!request.dry_run) {
    std::vector<std::string> ids;
    for (const io::Entry& entry : cohort.entries) ids.push_back(entry.id);
    write_case_report(fs::path(request.store) / "ingest_report.csv", ids, outcomes);
  }
  const CaseTally sum = tally_of(outcomes);
  tell_failures(outcomes);
  tell_summary(request, cohort, sum, writer ? writer->size() : 0,
               std::chrono::duration<double>(Clock::now() - start).count());
  return sum.exit();
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("SOURCE", request->source, "folder, dataset.json's folder, .csv table or one image")->required();
  app.add_option("STORE", request->store, "folder of the store; made, or gone on with");
  std::vector<std::string> layouts{"auto"};
  for (const io::Layout* layout : io::layouts()) layouts.emplace_back(layout->name);
  app.add_option("--layout", request->layout, "how the source is laid out")
      ->check(CLI::IsMember(layouts))
      ->capture_default_str();
  app.add_option("--labels", request->labels, "declared classes, NUMBER=NAME; they win over the source's own")
      ->type_name("NUMBER=NAME")
      ->delimiter(',');
  app.add_option("--workers", request->workers, "cases read at once, one volume each; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--commit-every", request->commit_every_s, "publish what was added at least this often, seconds")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--limit-seconds", request->limit_s,
                 "seconds of computing that one case may take; five times as long by the clock")
      ->check(CLI::Range(1.0, 86400.0))
      ->capture_default_str();
  app.add_option("--limit-mb", request->limit_mb, "memory that reading one case may take, its voxels included")
      ->check(CLI::Range(256, 1 << 20))
      ->capture_default_str();
  app.add_option("--shard", request->shard,
                 "only this part of the cases, for many machines; gadolin store merge joins them")
      ->type_name("I/N");
  app.add_flag("--dry-run", request->dry_run, "read and check every case, write nothing");
  app.add_flag("--json", request->json, "the summary as one JSON object");
  return [request] { return ingest(*request); };
}

}  // namespace

extern const Command ingest_command;
const Command ingest_command{"ingest", "read a folder or table of images into a store",
                             "  gadolin ingest Task04_Hippocampus hippocampus.store\n"
                             "  gadolin ingest cases.csv trial.store --labels 1=liver 2=tumour --workers 8\n"
                             "  gadolin ingest archive --dry-run --json",
                             attach};

}  // namespace pipelines
