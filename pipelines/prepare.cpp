// gadolin prepare: a raw store into one that training reads: fingerprint, plan, apply.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "pipelines/prepare_told.h"
#include "pipelines/store_options.h"
#include "prepare/apply.h"
#include "prepare/planner.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct PrepareRequest {
  std::string store, out, plan;
  int workers = 0, compression = 0;
  double commit_every_s = 60;
  bool dry_run = false, json = false;
};

// The most that rounding changed a prepared voxel by, of all cases; any thread.
class Rounding {
 public:
  void note(const volume::Case& stored) {
    const std::scoped_lock lock(mutex_);
    for (const volume::Channel& channel : stored.channels) {
      if (channel.image && channel.image->type() == volume::VoxelType::kInt16)
        most_ = std::max(most_, channel.image->scale / 2);
    }
  }
  double most() const {
    const std::scoped_lock lock(mutex_);
    return most_;
  }

 private:
  mutable std::mutex mutex_;
  double most_ = 0;
};

struct Planned {
  prepare::Plan plan;
  std::optional<prepare::Fingerprint> cohort;  // when the plan was made from it
};

// The plan of the store at OUT, empty when there is none yet.
std::string plan_there(const fs::path& out) {
  if (out.empty() || !fs::is_regular_file(out / "manifest.json")) return "";
  return store::Reader(out, {false}).plan_yaml();
}

// Hounsfield units in a channel that nobody said is CT: air would count as foreground.
// A mask takes it for MR, whose ground is dark.
void warn_of_hounsfield(const prepare::Fingerprint& cohort, const std::string& mask) {
  for (const prepare::ChannelFingerprint& channel : cohort.channels) {
    if (channel.modality == "OT" && mask != "none") {
      core::log_warn("channel '" + channel.name +
                     "' is of no known modality and is masked as MR is; if it is CT: " + "--set unknown_modality=CT");
      continue;
    }
    if (channel.modality == "OT" && channel.values.lowest <= -900 && channel.values.percentile_00_5 <= -900) {
      core::log_warn("channel '" + channel.name +
                     "' is of no known modality but looks like CT in Hounsfield units; "
                     "if it is: --set unknown_modality=CT");
    }
  }
}

prepare::Fingerprint look_at_cohort(const store::Reader& reader, const prepare::PlanSettings& settings, int workers,
                                    const core::StopSignal& stop) {
  core::Progress progress("fingerprint", "cases", reader.size());
  prepare::FingerprintOptions options = prepare::options_for(settings);
  options.workers = workers;
  options.after_case = [&] {
    progress.advance();
    return !stop.asked();
  };
  return prepare::fingerprint(reader, options);
}

// From --plan; else, when no setting is given, the plan that OUT was begun with; else from the cohort.
Planned plan_for(const PrepareRequest& request, const std::vector<core::Setting>& given, const store::Reader& reader,
                 const std::string& there, const core::StopSignal& stop) {
  if (!request.plan.empty()) {
    if (!given.empty()) {
      throw core::usage_error("--plan and " + given.front().place + " " + given.front().key + " exclude each other",
                              "settings make a plan from the cohort; change a plan that is there by editing it");
    }
    const fs::path path = request.plan;
    if (!fs::is_regular_file(path)) throw core::usage_error("there is no plan " + request.plan, "is the path right?");
    return {prepare::plan_from_yaml(core::read_text(path), path.filename().string()), std::nullopt};
  }
  if (!there.empty() && given.empty()) {
    core::log_info("goes on with the plan of " + request.out);
    return {prepare::plan_from_yaml(there, "plan.yaml"), std::nullopt};
  }
  prepare::PlanSettings settings;
  core::configure(core::slots_of(settings), given);
  if (settings.bias.correct) prepare::require_bias_correction();
  Planned planned;
  planned.cohort = look_at_cohort(reader, settings, request.workers, stop);
  warn_of_hounsfield(*planned.cohort, settings.mask);
  planned.plan = prepare::make_plan(*planned.cohort, settings);
  return planned;
}

// A store that was begun with the same plan keeps its text, which may be of a time with fewer keys: what was prepared
// by it is known by its hash.
std::string text_of(const prepare::Plan& plan, const std::string& there) {
  return !there.empty() && prepare::plan_from_yaml(there, "plan.yaml") == plan ? there : prepare::to_yaml(plan);
}

void require_same_plan(const PrepareRequest& request, const std::string& yaml, const std::string& there) {
  if (there.empty() || there == yaml) return;
  throw core::usage_error(
      request.out + " was prepared by another plan",
      "name another folder; or give --plan " + request.out +
          "/plan.yaml to go on there (patch and batch_size can be set at training: --set data.patch)");
}

// Prepares one case and adds it. What is wrong with the case becomes its outcome; what is wrong with the store is
// thrown.
CaseOutcome make_ready(const store::Reader& reader, std::int64_t index, const prepare::Plan& plan,
                       const std::string& plan_hash, store::Writer& writer, Rounding& rounding) {
  const store::CaseSummary& summary = reader.summary(index);
  const std::string source_hash = core::sha256_hex(summary.hash + plan_hash);
  if (writer.has(summary.id, source_hash)) return {CaseOutcome::Status::kPresent, "", ""};
  std::optional<volume::Case> one;
  try {
    one = reader.load(index);
  } catch (const core::Error& error) {
    return CaseOutcome::failed("DAMAGED", error);
  } catch (const std::bad_alloc&) {
    return CaseOutcome::failed("MEMORY", core::Error("case " + summary.id + ": out of memory"));
  }
  try {
    one = prepare::in_stored_voxels(plan, prepare::apply(plan, std::move(*one)));
  } catch (const core::Error& error) {
    return CaseOutcome::failed("PLAN", error);
  } catch (const std::bad_alloc&) {
    return CaseOutcome::failed("MEMORY",
                               core::Error("case " + summary.id + ": out of memory", "fewer --workers need less"));
  }
  rounding.note(*one);
  return add_to(writer, *one, source_hash);
}

void tell_beforehand(const PrepareRequest& request, const store::Reader& reader, const Planned& planned,
                     const std::string& yaml, const Forecast& expected) {
  if (request.json) return;
  if (planned.cohort) std::printf("%s\n", fingerprint_text(*planned.cohort, reader.label_names()).c_str());
  const std::string cleaning = cleaning_text(planned.plan);
  std::printf("%s\n%s%s\n", yaml.c_str(), cleaning.empty() ? "" : (cleaning + "\n").c_str(),
              forecast_text(expected).c_str());
  std::fflush(stdout);
}

void tell_afterwards(const PrepareRequest& request, const Planned& planned, const std::string& yaml,
                     const Forecast& expected, const CaseTally& sum, const store::Writer* writer,
                     const Rounding& rounding, double seconds) {
  if (!request.json) {
    if (writer == nullptr) return;
    std::printf("prepare: %lld added%s; %lld in the store; %s\n", static_cast<long long>(sum.added), sum.text().c_str(),
                static_cast<long long>(writer->size()), core::duration_text(seconds).c_str());
    if (rounding.most() > 0)
      std::printf("int16: rounding changed no prepared value by more than %.2g\n", rounding.most());
    if (sum.failed > 0) std::printf("why: %s/prepare_report.csv\n", request.out.c_str());
    return;
  }
  boost::json::object reasons;
  for (const auto& [reason, count] : sum.reasons) reasons[reason] = count;
  boost::json::object all{{"plan", yaml},
                          {"forecast", {{"bytes", expected.bytes}, {"seconds", expected.seconds}}},
                          {"dry_run", request.dry_run},
                          {"seconds", seconds}};
  if (planned.cohort) all["fingerprint"] = fingerprint_json(*planned.cohort);
  if (writer != nullptr) {
    all["added"] = sum.added;
    all["present"] = sum.present;
    all["failed"] = sum.failed;
    all["left"] = sum.left;
    all["reasons"] = reasons;
    all["in_store"] = writer->size();
    all["largest_rounding"] = rounding.most();
  }
  std::printf("%s\n", boost::json::serialize(all).c_str());
}

core::Exit prepare_all(const PrepareRequest& given, const SettingsOptions& settings) {
  PrepareRequest request = given;
  if (request.workers <= 0) request.workers = core::usable_processors();
  if (request.store.empty()) throw core::usage_error("no store is named", "gadolin prepare STORE OUT");
  if (request.out.empty() && !request.dry_run)
    throw core::usage_error("no store to write is named", "gadolin prepare STORE OUT, or --dry-run to see the plan");
  const auto start = Clock::now();
  const store::Reader reader(request.store);
  if (!reader.plan_yaml().empty()) {
    throw core::usage_error(request.store + " is prepared already", "prepare the raw store it was made from");
  }
  const core::StopSignal stop;
  const std::string there = plan_there(request.out);
  const Planned planned = plan_for(request, settings.settings(), reader, there, stop);
  if (planned.plan.bias.correct) prepare::require_bias_correction();
  const std::string yaml = text_of(planned.plan, there);
  require_same_plan(request, yaml, there);
  const auto& patch = planned.plan.patch;
  const store::Layout layout{request.compression, {patch[0], patch[1], patch[2]}};
  const Forecast expected =
      forecast(reader, planned.plan, planned.cohort ? &*planned.cohort : nullptr, layout, request.workers);
  tell_beforehand(request, reader, planned, yaml, expected);
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  if (request.dry_run) {
    tell_afterwards(request, planned, yaml, expected, {}, nullptr, {}, seconds());
    return core::Exit::kDone;
  }
  store::WriterOptions options;
  options.label_names = reader.label_names();
  options.plan_yaml = yaml;
  options.layout = layout;
  store::Writer writer(request.out, options);
  writer.commit();  // from now on the store knows its plan: a later run goes on by it
  core::publish_file(fs::path(request.out) / "plan.yaml", yaml);
  const CaseLoop loop{"prepare", reader.size(), request.workers, &writer, request.commit_every_s};
  const std::string plan_hash = core::sha256_hex(yaml);
  Rounding rounding;
  const std::vector<CaseOutcome> outcomes = run_cases(
      loop, stop, [&](std::int64_t i) { return make_ready(reader, i, planned.plan, plan_hash, writer, rounding); });
  std::vector<std::string> ids;
  for (std::int64_t i = 0; i < reader.size(); ++i) ids.push_back(reader.summary(i).id);
  write_case_report(fs::path(request.out) / "prepare_report.csv", ids, outcomes);
  const CaseTally sum = tally_of(outcomes);
  tell_failures(outcomes);
  tell_afterwards(request, planned, yaml, expected, sum, &writer, rounding, seconds());
  return sum.exit();
}

BoundSettings prepare_settings(std::span<const core::Setting>) {
  const auto settings = std::make_shared<prepare::PlanSettings>();
  return {settings, core::slots_of(*settings), {}};
}

std::function<core::Exit()> attach_prepare(CLI::App& app) {
  auto request = std::make_shared<PrepareRequest>();
  app.add_option("STORE", request->store, "a store that gadolin ingest or gadolin phantom made")->required();
  app.add_option("OUT", request->out, "folder of the prepared store; made, or gone on with");
  app.add_option("--plan", request->plan, "prepare by this plan instead of making one")->type_name("FILE");
  auto settings = std::make_shared<SettingsOptions>(app);
  app.add_option("--workers", request->workers, "cases prepared at once, one volume each; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_compression(app, request->compression);
  app.add_option("--commit-every", request->commit_every_s, "publish what was added at least this often, seconds")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_flag("--dry-run", request->dry_run, "tell fingerprint, plan and forecast, write nothing");
  app.add_flag("--json", request->json, "one JSON object instead of text");
  return [request, settings] { return prepare_all(*request, *settings); };
}

}  // namespace

extern const Command prepare_command;
const Command prepare_command{"prepare", "bring a store to one orientation, spacing and range of values",
                              "  gadolin prepare hippocampus.store hippocampus.ready --dry-run\n"
                              "  gadolin prepare hippocampus.store hippocampus.ready --set 'spacing_mm=[1, 1, 1]'\n"
                              "  gadolin prepare large.store large.ready --set voxels=int16 --compression 1\n"
                              "  gadolin prepare new.store new.ready --plan hippocampus.ready/plan.yaml",
                              attach_prepare, prepare_settings};

}  // namespace pipelines
