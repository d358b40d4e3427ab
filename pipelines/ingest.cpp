// gadolin ingest: a cohort, wherever and however it lies, into a store.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "io/file_index.h"
#include "io/layout.h"
#include "io/reasons.h"
#include "io/source.h"
#include "io/worker_pool.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "pipelines/deid_names.h"
#include "pipelines/ingest_forecast.h"
#include "pipelines/ingest_quality.h"
#include "pipelines/ingest_report.h"
#include "pipelines/ingest_request.h"
#include "store/manifest.h"
#include "store/reader.h"
#include "store/writer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// The key that names are made with. A store that is there goes on with its own.
DeidNames names_for(const IngestRequest& request) {
  if (request.dry_run) return {};
  const bool begun = fs::exists(store::manifest_path(request.store));
  return {request.store, request.deid_key, begun ? store::Reader(request.store).names_key() : ""};
}

// The classes of a store that is there, which takes no others.
std::map<int, std::string> classes_in(const IngestRequest& request) {
  if (request.dry_run || !fs::exists(store::manifest_path(request.store))) return {};
  return store::Reader(request.store).label_names();
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
void require_one_key(const IngestRequest& request) {
  if (request.shard.empty() || request.dry_run || !request.deid_key.empty()) return;
  throw core::usage_error("--shard of DICOM images needs --deid-key FILE, the same for all parts",
                          DeidNames::how_to_make_one());
}

// The weight that SUV was computed with is a characteristic of the patient: it stays where those may stay (PS3.15
// E.3.2).
void tell_deid(volume::Case& one, const std::string& codes, io::BurnedIn burned_in) {
  if (codes != "none" && codes.find(kPatientCharacteristics) == std::string::npos) one.facts.erase("suv.weight_kg");
  one.facts["deid.codes"] = codes;
  one.facts["deid.text_in_pixels"] = burned_in == io::BurnedIn::kCheck ? "looked for" : "not looked for";
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

// What is the run's before it finds a case: the store is no other process's, and what is known of the files lies beside
// it.
struct Claim {
  std::unique_ptr<store::Lock> lock;  // none: a dry run
  std::shared_ptr<io::FileIndex> index;
  fs::path made;  // the file of an index that was not there before

  void withdraw() {
    index.reset();
    if (!made.empty()) fs::remove(made);
  }
};

Claim claim_of(const IngestRequest& request) {
  if (request.dry_run || !fs::exists(request.source)) return {};
  Claim claim{std::make_unique<store::Lock>(request.store), nullptr, ""};
  const fs::path file = beside_store(request.store, ".index.sqlite");
  try {
    if (!fs::exists(file)) claim.made = file;
    claim.index = std::make_shared<io::FileIndex>(file);
  } catch (const core::Error& error) {
    core::log_warn(std::string("the next run will read all files again: ") + error.what());
    claim.index = std::make_shared<io::FileIndex>();
  }
  return claim;
}

// Finds the cases of this run. Names of DICOM images are made with a key that is kept before: a run that is killed
// while it looks at half a million headers is gone on with.
io::Cohort cohort_of(const IngestRequest& request, io::Reading& reading, DeidNames& names, Claim& claim) {
  const Part part = part_of(request);
  const std::string codes = deid_codes(request);
  if (claim.lock && io::layout_for(request.source, request.layout).name == std::string("dicom")) {
    require_one_key(request);
    names.keep({});
  }
  io::Cohort cohort =
      io::find_cohort(request.source, {request.layout, label_names_of(request), request.workers, join_of(request),
                                       &reading, names.key(), claim.index, classes_in(request)});
  if (cohort.names_are_keyed()) require_one_key(request);
  cohort.burned_in = burned_in_of(request);
  keep_originals(codes, cohort);
  keep_part(part, cohort.entries);
  return cohort;
}

Workplace workplace_of(const IngestRequest& request, const io::Cohort& cohort, io::Reading& reading, DeidNames& names,
                       Claim claim) {
  Workplace place{cohort, reading, cohort.names_are_keyed() ? deid_codes(request) : "", nullptr, nullptr, nullptr};
  if (request.dry_run) {
    place.forecast = std::make_unique<IngestForecast>(static_cast<std::int64_t>(cohort.entries.size()),
                                                      store::Layout{request.compression});
    if (!request.report.empty()) place.quality = std::make_unique<QualityLog>();
    return place;
  }
  store::WriterOptions options;
  options.label_names = cohort.label_names;
  options.layout.compression = request.compression;
  if (cohort.names_are_keyed()) options.names_key = cohort.key.fingerprint();
  place.writer = std::make_unique<store::Writer>(std::move(*claim.lock), options);
  if (cohort.names_are_keyed()) names.keep(cohort.links);
  place.quality = std::make_unique<QualityLog>(fs::path(request.store) / kQualityFile);
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

// What was hashed is what was read.
void require_unchanged(const io::Entry& entry, const io::Cohort& cohort, const std::string& stamp) {
  if (io::source_stamp(entry, cohort) == stamp) return;
  throw io::changed_meanwhile().within("case " + entry.id);
}

// Loads one case and adds it. What is wrong with the case becomes its outcome; what is wrong with the store is thrown.
CaseOutcome take_in(std::int64_t index, const Workplace& place) {
  const io::Entry& found = place.cohort.entries[static_cast<std::size_t>(index)];
  std::optional<volume::Case> one;
  std::string hash, stamp;
  bool present = false;
  const Clock::time_point start = Clock::now();
  try {
    const io::Entry entry = io::with_files(found, place.cohort);  // asked for once, not at each of the steps below
    if (place.writer != nullptr) {
      stamp = io::source_stamp(entry, place.cohort);
      hash = io::source_hash(entry, place.cohort);
      present = place.writer->has(entry.id, hash);
      if (present && place.quality->has(entry.id, hash)) return {CaseOutcome::Status::kPresent, "", ""};
    }
    one = place.reading.load(entry, place.cohort);
    if (place.writer != nullptr) require_unchanged(entry, place.cohort, stamp);
    if (!place.deid_codes.empty()) tell_deid(*one, place.deid_codes, place.cohort.burned_in);
  } catch (const core::Error& error) {
    return CaseOutcome::failed(io::reason_of(error), error);
  } catch (const std::bad_alloc&) {
    return CaseOutcome::failed("MEMORY",
                               core::Error("case " + found.id + ": out of memory", "fewer --workers need less"));
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

void tell_json(const IngestRequest& request, const Workplace& place, const CaseTally& sum, double seconds) {
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

void tell_summary(const IngestRequest& request, const Workplace& place, const CaseTally& sum, double seconds) {
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

std::vector<std::pair<std::string, std::string>> facts_of(const IngestRequest& request, const Workplace& place,
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

void write_reports(const IngestRequest& request, const Workplace& place, const std::vector<CaseOutcome>& outcomes,
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

void require_sound(const IngestRequest& request) {
  if (request.store.empty() && !request.dry_run)
    throw core::usage_error("no store is named", "gadolin ingest SOURCE STORE, or --dry-run to check only");
  if (!request.report.empty() && !request.dry_run)
    throw core::usage_error("--report is for --dry-run", "without it the reports are written into the store");
  burned_in_of(request);
}

core::Exit ingest(const IngestRequest& given) {
  IngestRequest request = given;
  if (request.workers <= 0) request.workers = core::usable_processors();
  require_sound(request);
  const auto start = Clock::now();
  DeidNames names = names_for(request);
  io::WorkerPool workers({request.workers, limits_of(request), {}});
  Claim claim = claim_of(request);
  io::Cohort cohort;
  try {
    cohort = cohort_of(request, workers, names, claim);
  } catch (...) {
    claim.withdraw();
    throw;
  }
  for (const std::string& note : cohort.notes) core::log_info(note);
  const Workplace place = workplace_of(request, cohort, workers, names, std::move(claim));
  const core::StopSignal stop;  // ends the command after the cases at hand
  const CaseLoop loop{request.dry_run ? "check" : "ingest", static_cast<std::int64_t>(cohort.entries.size()),
                      request.workers, place.writer.get(), request.commit_every_s};
  const std::vector<CaseOutcome> outcomes = run_cases(loop, stop, [&](std::int64_t i) { return take_in(i, place); });
  write_reports(request, place, outcomes, seconds_since(start));
  const CaseTally sum = tally_of(outcomes);
  tell_failures(outcomes);
  tell_summary(request, place, sum, seconds_since(start));
  if (sum.failed > 0 && !request.json && !request.dry_run && cohort.names_are_keyed())
    std::printf("where the files of a case lie: %s\n", names.links_file().c_str());
  return sum.exit();
}

std::function<core::Exit()> attach(CLI::App& app) {
  const std::shared_ptr<IngestRequest> request = ingest_options(app);
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
