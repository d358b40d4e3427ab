// gadolin ingest: a cohort, wherever and however it lies, into a store.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "io/deidentify_policy.h"
#include "io/layout.h"
#include "io/reasons.h"
#include "io/worker_pool.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "pipelines/deid_names.h"
#include "pipelines/ingest_forecast.h"
#include "pipelines/ingest_quality.h"
#include "pipelines/ingest_report.h"
#include "store/manifest.h"
#include "store/reader.h"
#include "store/writer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Request {
  std::string source, store, layout = "auto", shard, report, table, by = "PatientID", deid_key;
  std::string deid = "basic,modified-dates";
  std::vector<std::string> labels;
  int workers = 0;
  double commit_every_s = 60, limit_s = 60;
  std::int64_t limit_mb = 2048;
  bool dry_run = false, json = false, permission = false;
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

std::optional<io::Join> join_of(const Request& request) {
  if (request.table.empty()) return std::nullopt;
  return io::Join{request.table, request.by};
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

// The key that names are made with. A store that is there goes on with its own.
DeidNames names_for(const Request& request) {
  if (request.dry_run) return {};
  const bool begun = fs::exists(store::manifest_path(request.store));
  return {request.store, request.deid_key, begun ? store::Reader(request.store).names_key() : ""};
}

constexpr const char* kPatientCharacteristics = "113108";

// CID 7050 codes of what was applied to DICOM images. A store keeps no date, UID, device or description of theirs,
// so options about those have nothing to do.
std::string deid_codes(const Request& request) {
  if (request.deid == "off") {
    if (!request.permission)
      throw core::usage_error("--deid off keeps who the patients are", "--i-have-permission says that you may");
    return "none";
  }
  const io::DeidPolicy policy = io::DeidPolicy::parse(request.deid);
  std::string codes = "113100";
  if (policy.has(io::DeidOption::kPatientCharacteristics)) codes += std::string(" ") + kPatientCharacteristics;
  if (policy.has(io::DeidOption::kInstitution)) codes += " 113112";
  return codes;
}

// Originals in place of pseudonyms where that was asked for: part of the entries, so that a store is not gone on with
// otherwise.
void keep_originals(const std::string& codes, io::Cohort& cohort) {
  const auto original = [&](std::string& name) {
    const auto found = cohort.links.find(name);
    if (found != cohort.links.end()) name = found->second.original;
  };
  for (io::Entry& entry : cohort.entries) {
    if (!entry.is_series || codes == "113100") continue;
    original(entry.groups.site);
    if (codes != "none") continue;
    original(entry.groups.patient);
    entry.patient_told = true;
  }
}

// Parts of a whole with a key each would name one case differently, and so would leave out some and double others.
void require_one_key(const Request& request, const io::Cohort& cohort) {
  if (request.shard.empty() || request.dry_run || !request.deid_key.empty() || !cohort.names_are_keyed()) return;
  throw core::usage_error("--shard of DICOM images needs --deid-key FILE, the same for all parts",
                          DeidNames::how_to_make_one());
}

// The weight that SUV was computed with is a characteristic of the patient: it stays where those may stay (PS3.15
// E.3.2).
void tell_deid(volume::Case& one, const std::string& codes) {
  if (codes != "none" && codes.find(kPatientCharacteristics) == std::string::npos) one.facts.erase("suv.weight_kg");
  one.facts["deid.codes"] = codes;
}

// What a run works with. A dry run has no writer, and keeps notes of quality only when a report is asked for.
struct Workplace {
  const io::Cohort& cohort;
  io::Reading& reading;
  std::string deid_codes;  // empty where no name comes from DICOM images
  std::unique_ptr<store::Writer> writer;
  std::unique_ptr<QualityLog> quality;
  std::unique_ptr<IngestForecast> forecast;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Workplace workplace_of(const Request& request, const io::Cohort& cohort, io::Reading& reading, DeidNames& names) {
  Workplace place{cohort, reading, cohort.names_are_keyed() ? deid_codes(request) : "", nullptr, nullptr, nullptr};
  if (request.dry_run) {
    place.forecast = std::make_unique<IngestForecast>(static_cast<std::int64_t>(cohort.entries.size()));
    if (!request.report.empty()) place.quality = std::make_unique<QualityLog>();
    return place;
  }
  store::WriterOptions options;
  options.label_names = cohort.label_names;
  if (cohort.names_are_keyed()) options.names_key = cohort.key.fingerprint();
  place.writer = std::make_unique<store::Writer>(request.store, options);
  if (cohort.names_are_keyed()) names.keep(cohort.links);
  place.quality = std::make_unique<QualityLog>(fs::path(request.store) / "qc" / "cases.jsonl");
  return place;
}

// A dry run's end of a case: what the store would refuse is told as a run tells it.
CaseOutcome weigh(std::int64_t index, const volume::Case& one, double read_s, const Workplace& place) {
  try {
    place.forecast->add(index, one, read_s, place.cohort.label_names);
  } catch (const core::Error& error) {
    return CaseOutcome::failed("STORE", error);
  }
  return CaseOutcome::added(one);
}

// Loads one case and adds it. What is wrong with the case becomes its outcome; what is wrong with the store is thrown.
CaseOutcome take_in(std::int64_t index, const Workplace& place) {
  const io::Entry& entry = place.cohort.entries[static_cast<std::size_t>(index)];
  std::optional<volume::Case> one;
  std::string hash;
  bool present = false;
  const Clock::time_point start = Clock::now();
  try {
    if (place.writer != nullptr) {
      hash = io::source_hash(entry);
      present = place.writer->has(entry.id, hash);
      if (present && place.quality->has(entry.id, hash)) return {CaseOutcome::Status::kPresent, "", ""};
    }
    one = place.reading.load(entry, place.cohort);
    if (!place.deid_codes.empty()) tell_deid(*one, place.deid_codes);
  } catch (const core::Error& error) {
    return CaseOutcome::failed(io::reason_of(error), error);
  } catch (const std::bad_alloc&) {
    return CaseOutcome::failed("MEMORY",
                               core::Error("case " + entry.id + ": out of memory", "fewer --workers need less"));
  }
  // Noted before it is added: a run that is killed in between adds it again, and the later note counts.
  if (place.quality) place.quality->add(quality_of(*one, hash), thumbnail_of(*one));
  if (place.forecast) return weigh(index, *one, seconds_since(start), place);
  if (present) return {CaseOutcome::Status::kPresent, "", ""};
  return add_to(*place.writer, *one, hash);
}

std::string size_text(double bytes) {
  return bytes >= 1e9 ? fmt::format("{:.2f} GB", bytes / 1e9) : fmt::format("{:.1f} MB", bytes / 1e6);
}

void tell_json(const Request& request, const Workplace& place, const CaseTally& sum, double seconds) {
  boost::json::object reasons, labels;
  for (const auto& [reason, count] : sum.reasons) reasons[reason] = count;
  for (const auto& [value, label] : place.cohort.label_names) labels[std::to_string(value)] = label;
  boost::json::object all{{"layout", place.cohort.layout},
                          {"found", place.cohort.entries.size()},
                          {"added", sum.added},
                          {"present", sum.present},
                          {"failed", sum.failed},
                          {"left", sum.left},
                          {"reasons", reasons},
                          {"labels", labels},
                          {"in_store", place.writer ? place.writer->size() : 0},
                          {"seconds", seconds},
                          {"dry_run", request.dry_run}};
  if (place.forecast) {
    all["forecast"] = boost::json::object{{"store_bytes", place.forecast->store_bytes()},
                                          {"seconds", place.forecast->seconds(request.workers)}};
  }
  std::printf("%s\n", boost::json::serialize(all).c_str());
}

// Outcome by reason, as a table.
void tell_table(const CaseTally& sum) {
  core::Table table{{"outcome", "cases", "why", "what to do"}, {}};
  table.add({"usable", std::to_string(sum.added), "", ""});
  for (const auto& [code, count] : sum.reasons) {
    const io::Reason* reason = io::find_reason(code);
    table.add({code, std::to_string(count), reason == nullptr ? "" : std::string(reason->meaning),
               reason == nullptr ? "" : std::string(reason->advice)});
  }
  std::printf("%s\n", core::to_text(table).c_str());
}

void tell_summary(const Request& request, const Workplace& place, const CaseTally& sum, double seconds) {
  if (request.json) return tell_json(request, place, sum, seconds);
  if (request.dry_run) tell_table(sum);
  std::string line = fmt::format("ingest ({}): {} cases found, {} {}", place.cohort.layout, place.cohort.entries.size(),
                                 sum.added, request.dry_run ? "usable" : "added");
  line += sum.text();
  if (!request.dry_run) line += fmt::format("; {} in the store", place.writer->size());
  std::printf("%s; %s\n", line.c_str(), core::duration_text(seconds).c_str());
  if (place.forecast) {
    std::printf("forecast: %s in the store, %s with %d workers\n", size_text(place.forecast->store_bytes()).c_str(),
                core::duration_text(place.forecast->seconds(request.workers)).c_str(), request.workers);
  }
  if (!request.dry_run) std::printf("report: %s/ingest_report.html\n", request.store.c_str());
}

std::vector<std::pair<std::string, std::string>> facts_of(const Request& request, const Workplace& place,
                                                          double seconds) {
  std::vector<std::pair<std::string, std::string>> facts{{"layout", place.cohort.layout},
                                                         {"gadolin", GADOLIN_VERSION},
                                                         {"time of this run", core::duration_text(seconds)}};
  if (place.writer) facts.emplace_back("cases in the store", std::to_string(place.writer->size()));
  if (place.forecast) {
    facts.emplace_back("forecast of the store", size_text(place.forecast->store_bytes()));
    facts.emplace_back("forecast of the time",
                       fmt::format("{} with {} workers", core::duration_text(place.forecast->seconds(request.workers)),
                                   request.workers));
  }
  return facts;
}

void write_reports(const Request& request, const Workplace& place, const std::vector<CaseOutcome>& outcomes,
                   double seconds) {
  if (!place.quality) return;
  std::vector<std::string> ids;
  for (const io::Entry& entry : place.cohort.entries) ids.push_back(entry.id);
  const std::string title = request.dry_run ? "Forecast of an ingest" : "Ingest of " + store::store_name(request.store);
  const IngestRun run{title, ids, outcomes, *place.quality, facts_of(request, place, seconds), place.cohort.notes};
  const IngestSums sums = sums_of(run, request.workers);
  if (request.dry_run) {
    core::publish_file(request.report, ingest_page(run, sums));
    return;
  }
  const fs::path folder = request.store;
  core::publish_file(folder / "ingest_report.csv", core::to_csv(ingest_table(run, sums)));
  core::publish_file(folder / "ingest_report.json", ingest_json(run, sums));
  core::publish_file(folder / "ingest_report.html", ingest_page(run, sums));
}

core::Exit ingest(const Request& given) {
  Request request = given;
  if (request.workers <= 0) request.workers = core::usable_processors();
  if (request.store.empty() && !request.dry_run)
    throw core::usage_error("no store is named", "gadolin ingest SOURCE STORE, or --dry-run to check only");
  if (!request.report.empty() && !request.dry_run)
    throw core::usage_error("--report is for --dry-run", "without it the reports are written into the store");
  const auto start = Clock::now();
  const std::string codes = deid_codes(request);
  DeidNames names = names_for(request);
  io::WorkerPool workers({request.workers, limits_of(request), {}});
  io::Cohort cohort = io::find_cohort(request.source, {request.layout, label_names(request.labels), request.workers,
                                                       join_of(request), &workers, names.key()});
  require_one_key(request, cohort);
  keep_originals(codes, cohort);
  for (const std::string& note : cohort.notes) core::log_info(note);
  if (!request.shard.empty()) keep_shard(request.shard, cohort.entries);
  const Workplace place = workplace_of(request, cohort, workers, names);
  const core::StopSignal stop;  // ends the command after the cases at hand
  const CaseLoop loop{request.dry_run ? "check" : "ingest", static_cast<std::int64_t>(cohort.entries.size()),
                      request.workers, place.writer.get(), request.commit_every_s};
  const std::vector<CaseOutcome> outcomes = run_cases(loop, stop, [&](std::int64_t i) { return take_in(i, place); });
  write_reports(request, place, outcomes, seconds_since(start));
  const CaseTally sum = tally_of(outcomes);
  tell_failures(outcomes);
  tell_summary(request, place, sum, seconds_since(start));
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
  app.add_option("--table", request->table, "labels, scores, groups and report texts to join before identifiers go")
      ->type_name("FILE");
  const auto keys = io::join_keys();
  app.add_option("--by", request->by, "the column of --table that names the case")
      ->check(CLI::IsMember(std::vector<std::string>(keys.begin(), keys.end())))
      ->capture_default_str();
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
  app.add_option(
         "--deid", request->deid,
         "what of DICOM headers is kept: basic,modified-dates ... as of gadolin deidentify, or off; a store keeps "
         "no dates, UIDs, devices or descriptions in any case")
      ->type_name("OPTIONS")
      ->capture_default_str();
  app.add_flag("--i-have-permission", request->permission, "with --deid off: patients may be named in this store");
  app.add_option("--deid-key", request->deid_key,
                 "file of the key that DICOM images are named with; without it STORE.key beside the store, made once")
      ->type_name("FILE");
  app.add_option("--shard", request->shard,
                 "only this part of the cases, for many machines; gadolin store merge joins them")
      ->type_name("I/N");
  app.add_flag("--dry-run", request->dry_run, "read and check every case, forecast size and time, write nothing");
  app.add_option("--report", request->report, "of a dry run: write the page of quality control into this file")
      ->type_name("FILE");
  app.add_flag("--json", request->json, "the summary as one JSON object");
  return [request] { return ingest(*request); };
}

}  // namespace

extern const Command ingest_command;
const Command ingest_command{"ingest", "read a folder or table of images into a store",
                             "  gadolin ingest Task04_Hippocampus hippocampus.store\n"
                             "  gadolin ingest cases.csv trial.store --labels 1=liver 2=tumour --workers 8\n"
                             "  gadolin ingest archive --dry-run --report forecast.html",
                             attach};

}  // namespace pipelines
