// gadolin deidentify: a folder of DICOM objects into one that names nobody.
#include "io/deidentify.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "io/file_walk.h"
#include "io/reject.h"
#include "io/worker_pool.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "pipelines/deid_names.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

struct DeidRequest {
  std::string in, out, deid = "basic,modified-dates", key, burned_in = "check";
  int workers = 0;
  bool json = false, permission = false;
};

// One file and what becomes of it. Its name in the report is a pseudonym of its path: names of files may name patients.
struct DeidObject {
  fs::path file;
  std::string id;
  io::DeidPlace place;
  CaseOutcome outcome;
  bool other = false;  // no DICOM
};

std::vector<DeidObject> objects_below(const fs::path& in, const io::DeidKey& key) {
  std::vector<DeidObject> objects;
  io::FileWalk walk(in);
  while (auto file = walk.next()) {
    const std::string relative = file->path.lexically_relative(in).generic_string();
    objects.push_back({file->path, key.pseudonym('d', relative), {}, {}, false});
  }
  std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  return objects;
}

// The folder goes on with the options that it was begun with.
std::string begun_with(const fs::path& record) { return fs::exists(record) ? core::read_text(record) : ""; }

std::string record_text(const io::DeidPolicy& policy, const io::DeidKey& key) {
  return "gadolin deidentify 1\n" + policy.text() + "\n" + key.fingerprint() + "\n";
}

std::string fingerprint_in(const std::string& record) {
  const std::size_t end = record.rfind('\n'), begin = end == std::string::npos ? end : record.rfind('\n', end - 1);
  return begin == std::string::npos ? "" : record.substr(begin + 1, end - begin - 1);
}

CaseOutcome failed(const DeidObject& object, const core::Error& error) {
  return CaseOutcome::failed(io::reason_of(error), error.within("object " + object.id));
}

void find_place(DeidObject& object, const io::DeidPolicy& policy, const io::DeidKey& key) {
  try {
    object.place = io::deid_place(object.file, policy, key);
  } catch (const core::Error& error) {
    object.other = io::reason_of(error) == "NOT_DICOM" || io::reason_of(error) == "NO_META";
    object.outcome = failed(object, error);
  }
}

fs::path target_of(const fs::path& out, const io::DeidPlace& place) {
  return out / place.patient / place.series / (place.instance + ".dcm");
}

// Of several files that are one instance the first counts; another one with other content is refused.
void settle_doubles(std::vector<DeidObject>& objects) {
  std::map<std::string, const DeidObject*> first;
  for (DeidObject& object : objects) {
    if (object.place.instance.empty()) continue;
    const auto [there, added] = first.emplace(object.place.instance, &object);
    if (added) continue;
    const bool same = core::sha256_file_hex(object.file) == core::sha256_file_hex(there->second->file);
    object.place = {};
    object.outcome = same ? CaseOutcome{CaseOutcome::Status::kPresent, "DUPLICATE", ""}
                          : failed(object, io::reject("DUPLICATE_UID", "two files are one instance with other content",
                                                      "remove the one that was altered"));
  }
}

// `reading` looks for text in the pixels, in a process of its own; nullptr: nobody does.
void write_object(DeidObject& object, const fs::path& out, const io::DeidPolicy& policy, const io::DeidKey& key,
                  io::Reading* reading) {
  const fs::path target = target_of(out, object.place);
  if (fs::exists(target)) {
    object.outcome = {CaseOutcome::Status::kPresent, "", ""};
    return;
  }
  try {
    std::vector<std::string> notes;
    if (reading != nullptr) notes = reading->require_no_text(object.file);
    io::deidentify_file(object.file, target, policy, key);
    object.outcome = {CaseOutcome::Status::kAdded, fmt::format("{}", fmt::join(notes, " ")), ""};
  } catch (const core::Error& error) {
    object.outcome = failed(object, error);
  }
}

// Text in one image of a series was hardly written into that one alone: none of the series goes out.
void withdraw_named_series(std::vector<DeidObject>& objects, const fs::path& out) {
  constexpr const char* kText = "BURNED_IN_TEXT";
  std::set<std::string> named;
  for (const DeidObject& object : objects) {
    if (object.outcome.reason == kText) named.insert(object.place.series);
  }
  for (DeidObject& object : objects) {
    if (object.place.instance.empty() || named.count(object.place.series) == 0 || object.outcome.reason == kText)
      continue;
    fs::remove(target_of(out, object.place));
    object.outcome = failed(object, io::reject(kText, "another image of its series has text in its pixels",
                                               "look at the series; blacken it at the source, or leave it out"));
  }
}

core::Exit tell(const DeidRequest& request, const std::vector<DeidObject>& objects, std::int64_t others) {
  std::vector<std::string> ids;
  std::vector<CaseOutcome> outcomes;
  for (const DeidObject& object : objects) {
    if (object.other) continue;
    ids.push_back(object.id);
    outcomes.push_back(object.outcome);
  }
  write_case_report(fs::path(request.out) / "deidentify_report.csv", ids, outcomes);
  tell_failures(outcomes);
  const CaseTally sum = tally_of(outcomes);
  if (request.json) {
    const boost::json::object all{{"written", sum.added},
                                  {"present", sum.present},
                                  {"failed", sum.failed},
                                  {"left", sum.left},
                                  {"others", others}};
    std::printf("%s\n", boost::json::serialize(all).c_str());
  } else {
    std::printf("deidentify: %lld objects written%s; %lld files are no DICOM and stay behind\n",
                static_cast<long long>(sum.added), sum.text().c_str(), static_cast<long long>(others));
  }
  return sum.exit();
}

// Who looks at pixels; nobody where that was asked for.
std::unique_ptr<io::WorkerPool> lookers(const DeidRequest& request, int workers) {
  if (request.burned_in == "check") return std::make_unique<io::WorkerPool>(io::WorkerOptions{workers, {}, {}});
  if (!request.permission)
    throw core::usage_error("--burned-in off passes on names that are in pixels",
                            "--i-have-permission says that you may");
  return nullptr;
}

core::Exit deidentify(const DeidRequest& request) {
  if (request.deid == "off") throw core::usage_error("--deid off would copy the files", "cp -r does that");
  const io::DeidPolicy policy = io::DeidPolicy::parse(request.deid);
  if (!fs::exists(request.in)) throw core::usage_error("there is no " + request.in, "check the path");
  if (lies_within(request.out, request.in))
    throw core::usage_error("the new folder lies within the old one", "name a folder outside of it");
  const int workers = request.workers > 0 ? request.workers : core::usable_processors();
  const std::unique_ptr<io::WorkerPool> pixels = lookers(request, workers);
  const fs::path out = request.out, record = out / "deidentify.txt";
  const std::string before = begun_with(record);
  DeidNames names(out, request.key, fingerprint_in(before));
  if (!before.empty() && before != record_text(policy, names.key()))
    throw core::usage_error("the folder was begun with other options", "give the same --deid, or another folder");
  std::vector<DeidObject> objects = objects_below(request.in, names.key());
  const core::StopSignal stop;
  const auto each = [&](const char* what, const std::function<void(DeidObject&)>& body) {
    core::Progress progress(what, "files", static_cast<std::int64_t>(objects.size()));
    core::parallel_for(static_cast<std::int64_t>(objects.size()), workers, [&](std::int64_t i) {
      if (!stop.asked()) body(objects[static_cast<std::size_t>(i)]);
      progress.advance();
    });
  };
  each("look at headers", [&](DeidObject& object) { find_place(object, policy, names.key()); });
  settle_doubles(objects);
  io::DeidLinks links;
  for (const DeidObject& object : objects) {
    if (!object.place.instance.empty()) links.emplace(object.place.patient, object.place.patient_link);
  }
  names.keep(links);
  core::publish_file(record, record_text(policy, names.key()));
  each("deidentify", [&](DeidObject& object) {
    if (!object.place.instance.empty()) write_object(object, out, policy, names.key(), pixels.get());
  });
  withdraw_named_series(objects, out);
  return tell(request, objects, std::count_if(objects.begin(), objects.end(), [](const auto& o) { return o.other; }));
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<DeidRequest>();
  app.add_option("IN", request->in, "folder of DICOM objects, or one")->required();
  app.add_option("OUT", request->out, "folder to write; made, or gone on with")->required();
  app.add_option("--deid", request->deid, "what is done, comma-separated: " + io::DeidPolicy::known_names())
      ->type_name("OPTIONS")
      ->capture_default_str();
  app.add_option("--deid-key", request->key, "file of the key; without it OUT.key beside the folder, made once")
      ->type_name("FILE");
  app.add_option("--burned-in", request->burned_in,
                 "look for text in the pixels and refuse what has some, or may have: check, or off")
      ->check(CLI::IsMember({"check", "off"}))
      ->capture_default_str();
  app.add_flag("--i-have-permission", request->permission, "with --burned-in off: patients may be named in pixels");
  app.add_option("--workers", request->workers, "objects at once; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", request->json, "the summary as one JSON object");
  return [request] { return deidentify(*request); };
}

}  // namespace

extern const Command deidentify_command;
const Command deidentify_command{"deidentify", "make DICOM objects free of identity, folder to folder",
                                 "  gadolin deidentify archive archive.nameless\n"
                                 "  gadolin deidentify archive out/trial --deid basic,modified-dates,retain-device\n"
                                 "  gadolin deidentify archive out/trial --deid-key hospital.key --workers 8",
                                 attach};

}  // namespace pipelines
