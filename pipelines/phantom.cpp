// gadolin phantom: a procedural cohort as files, as a hospital would hand it over.
#include "volume/phantom.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>

#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/table.h"
#include "io/dicom.h"
#include "io/format.h"
#include "pipelines/command.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSampled = 32;  // cases whose size is looked at for the estimate

// What the files tell beyond the pictures.
struct CohortOptions {
  std::int64_t labelled = -1;
  std::int64_t test_patients = -1;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("labelled", &CohortOptions::labelled,
              "cases (the first) with label map, class and score; the others are an unlabelled archive; -1: all",
              Range{-1, 1e9}),
        field("test_patients", &CohortOptions::test_patients,
              "patients (the first) that split.csv keeps for testing; -1: a third of the labelled", Range{-1, 1e6})};
  }
};

struct PhantomRequest {
  std::string out, format = "nifti";
  std::map<std::string, std::string> given;  // flag's key -> value
  std::unique_ptr<SettingsOptions> settings;
  int workers = 0;
  bool dry_run = false;
  volume::PhantomOptions patients;
  CohortOptions cohort;

  bool dicom() const { return format == "dicom"; }
  std::int64_t labelled() const {
    const std::int64_t cases = volume::phantom_cases(patients);
    return cohort.labelled < 0 ? cases : std::min(cases, cohort.labelled);
  }
  // Of each pair of patients one is ill: pairs stay together.
  std::int64_t test_patients() const {
    const std::int64_t third = labelled() / patients.scans_per_patient / 3;
    return cohort.test_patients < 0 ? third - third % 2 : std::min(cohort.test_patients, patients.patients);
  }
  std::vector<core::Slot> slots() {
    std::vector<core::Slot> all = core::slots_of(patients), more = core::slots_of(cohort);
    std::move(more.begin(), more.end(), std::back_inserter(all));
    return all;
  }
};

// Where a case lies, relative to the cohort's folder.
struct CaseFiles {
  std::vector<std::string> images;  // by channel: a file, or the folder of a series
  std::string label;                // empty: this case is not labelled
};

CaseFiles files_of(const PhantomRequest& request, const std::string& id, std::int64_t index) {
  CaseFiles files;
  const std::vector<std::string> channels = volume::phantom_channel_names(request.patients);
  for (const std::string& channel : channels) {
    const std::string suffix = channels.size() > 1 ? "_" + channel : "";
    files.images.push_back(request.dicom() ? "dicom/" + id + "/" + channel : "images/" + id + suffix + ".nii.gz");
  }
  if (index < request.labelled()) files.label = "labels/" + id + ".nii.gz";
  return files;
}

bool all_there(const fs::path& out, const CaseFiles& files) {
  const auto there = [&](const std::string& file) { return fs::exists(out / file); };
  return std::all_of(files.images.begin(), files.images.end(), there) && (files.label.empty() || there(files.label));
}

void write_series(const fs::path& folder, const volume::Case& one, const volume::Channel& channel,
                  const std::string& key) {
  io::DicomTags tags;
  tags.key = key + " " + one.id + " " + channel.name;
  tags.study = key + " " + one.id;
  tags.patient = one.groups.patient;
  tags.modality = channel.modality;
  tags.vendor = one.groups.vendor;
  tags.site = one.groups.site;
  tags.description = channel.name;
  core::publish_folder(folder, [&](const fs::path& temporary) { io::write_dicom(temporary, *channel.image, tags); });
}

void write_case(const PhantomRequest& request, const volume::Case& one, const CaseFiles& files,
                const std::string& key) {
  const fs::path out = request.out;
  for (std::size_t c = 0; c < files.images.size(); ++c) {
    const fs::path path = out / files.images[c];
    if (fs::exists(path)) continue;
    if (request.dicom()) {
      write_series(path, one, one.channels[c], key);
    } else {
      io::write_image(path, *one.channels[c].image);
    }
  }
  if (!files.label.empty() && !fs::exists(out / files.label)) io::write_image(out / files.label, *one.label_map);
}

// What the cohort was made with, as a file that a person can read and the next run compares. More patients or other
// labelled cases are no other cohort.
std::string cohort_text(const PhantomRequest& request) {
  volume::PhantomOptions same = request.patients;
  std::vector<core::Slot> slots = core::slots_of(same);
  std::erase_if(slots, [](const core::Slot& slot) { return slot.key == "patients"; });
  return "# What this cohort was made with: gadolin phantom --format " + request.format + "\n" +
         core::resolved_yaml(slots);
}

void sweep_temporaries(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  std::error_code absent;
  for (auto at = fs::recursive_directory_iterator(folder, absent); at != fs::recursive_directory_iterator(); ++at) {
    if (!core::is_temporary(at->path())) continue;
    leftovers.push_back(at->path());
    if (at->is_directory()) at.disable_recursion_pending();
  }
  for (const fs::path& path : leftovers) fs::remove_all(path);
}

// Makes the folder, or sees that the one there was made with the same settings.
void open_folder(const fs::path& out, const std::string& text) {
  const fs::path record = out / "phantom.yaml";
  if (fs::exists(record)) {
    if (core::read_text(record) != text) {
      throw core::usage_error("the cohort in " + out.string() + " was made with other settings (see its phantom.yaml)",
                              "choose another folder, or remove this one");
    }
  } else if (fs::exists(out) && !fs::is_directory(out)) {
    throw core::usage_error(out.string() + " is a file", "choose a new or an empty folder");
  } else if (fs::exists(out) && !fs::is_empty(out)) {
    throw core::usage_error(out.string() + " holds something else", "choose a new or an empty folder");
  }
  sweep_temporaries(out);
  if (!fs::exists(record)) core::publish_file(record, text);
}

core::Table cases_table(const PhantomRequest& request, const std::vector<volume::Case>& facts) {
  core::Table table;
  table.columns = {"case"};
  for (const std::string& channel : volume::phantom_channel_names(request.patients))
    table.columns.push_back("image:" + channel);
  for (const char* name : {"label", "patient", "site", "vendor", "modality", "class", "score", "report"}) {
    table.columns.emplace_back(name);
  }
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const volume::Case& one = facts[i];
    const CaseFiles files = files_of(request, one.id, static_cast<std::int64_t>(i));
    std::vector<std::string> row{one.id};
    row.insert(row.end(), files.images.begin(), files.images.end());
    const auto known = [&](const char* name) {
      return files.label.empty() ? "" : core::shortest(one.scalars.at(name));
    };
    for (const std::string& cell : {files.label, one.groups.patient, one.groups.site, one.groups.vendor,
                                    request.patients.modality, known("class"), known("score"), one.report}) {
      row.push_back(cell);
    }
    table.add(std::move(row));
  }
  return table;
}

core::Table split_table(const PhantomRequest& request, const std::vector<volume::Case>& facts) {
  core::Table table{{"case", "patient", "set"}, {}};
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const std::int64_t patient = static_cast<std::int64_t>(i) / request.patients.scans_per_patient;
    table.add({facts[i].id, facts[i].groups.patient, patient < request.test_patients() ? "test" : "train"});
  }
  return table;
}

core::Table labels_table(const volume::PhantomOptions& options) {
  core::Table table{{"value", "name"}, {}};
  const std::vector<std::string> names = volume::phantom_label_names(options);
  for (std::size_t i = 0; i < names.size(); ++i) table.add({std::to_string(i), names[i]});
  return table;
}

double estimated_bytes(const PhantomRequest& request) {
  const volume::PhantomOptions& options = request.patients;
  const std::int64_t cases = volume::phantom_cases(options), looked = std::min(cases, kSampled);
  double bytes = 0;
  for (std::int64_t i = 0; i < looked; ++i) {
    const volume::Shape shape = volume::phantom_shape(options, i);
    const double raw = 2.0 * static_cast<double>(shape.voxels());
    const double image = request.dicom() ? raw + 1500.0 * static_cast<double>(shape.depth) : 0.75 * raw;
    bytes += static_cast<double>(options.channels) * image + 0.02 * raw;
  }
  return bytes / static_cast<double>(looked) * static_cast<double>(cases);
}

std::string megabytes(double bytes) {
  if (bytes < 1e6) return fmt::format("{:.0f} kB", bytes / 1e3);
  return fmt::format("{:.{}f} MB", bytes / 1e6, bytes < 1e7 ? 1 : 0);
}

std::string flag_of(const std::string& key) {
  std::string flag = "--" + key;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

// The recipe, then --set, then flags.
void take_settings(PhantomRequest& request) {
  std::vector<core::Setting> settings = request.settings->settings();
  for (const auto& [key, value] : request.given) {
    if (value.empty()) continue;
    core::Setting setting = core::setting_from_argument(key + "=" + value);
    setting.place = flag_of(key);
    settings.push_back(std::move(setting));
  }
  core::configure(request.slots(), settings);
}

void warn_of_space(const fs::path& out, double bytes) {
  fs::path there = fs::absolute(out);
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  std::error_code failed;
  const fs::space_info space = fs::space(there, failed);
  if (!failed && static_cast<double>(space.available) < bytes) {
    core::log_warn(fmt::format("the cohort needs about {}, the disk has {} left", megabytes(bytes),
                               megabytes(static_cast<double>(space.available))));
  }
}

core::Exit phantom(PhantomRequest& request) {
  take_settings(request);
  const volume::PhantomOptions& options = request.patients;
  const std::int64_t cases = volume::phantom_cases(options);
  const double bytes = estimated_bytes(request);
  const std::string cohort =
      fmt::format("phantom: {} cases of {} patients, {} labelled", cases, options.patients, request.labelled());
  warn_of_space(request.out, bytes);
  if (request.dry_run) {
    std::printf("%s, about %s as %s; nothing written\n", cohort.c_str(), megabytes(bytes).c_str(),
                request.format.c_str());
    return core::Exit::kDone;
  }
  const fs::path out = request.out;
  const auto start = std::chrono::steady_clock::now();
  const std::string text = cohort_text(request);
  open_folder(out, text);
  std::vector<volume::Case> facts(static_cast<std::size_t>(cases));
  std::atomic<std::int64_t> written{0};
  core::Progress progress("phantom", "cases", cases);
  core::parallel_for(cases, request.workers > 0 ? request.workers : core::usable_processors(), [&](std::int64_t i) {
    volume::Case& fact = facts[static_cast<std::size_t>(i)];
    fact = volume::phantom_facts(options, i);
    const CaseFiles files = files_of(request, fact.id, i);
    if (!all_there(out, files)) {
      core::with_context("phantom " + fact.id,
                         [&] { write_case(request, volume::phantom_case(options, i), files, text); });
      ++written;
    }
    progress.advance();
  });
  core::publish_file(out / "labels.csv", core::to_csv(labels_table(options)));
  core::publish_file(out / "split.csv", core::to_csv(split_table(request, facts)));
  core::publish_file(out / "cases.csv", core::to_csv(cases_table(request, facts)));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s; %lld written, %lld already there; %s\nnext: gadolin ingest %s %s.store\n", cohort.c_str(),
              static_cast<long long>(written), static_cast<long long>(cases - written),
              core::duration_text(seconds).c_str(), (out / "cases.csv").c_str(),
              (out.has_filename() ? out : out.parent_path()).c_str());
  return core::Exit::kDone;
}

BoundSettings phantom_settings(std::span<const core::Setting>) {
  const auto request = std::make_shared<PhantomRequest>();
  return {request, request->slots(), {}};
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<PhantomRequest>();
  app.add_option("OUT", request->out, "folder of the cohort; made, or gone on with")->required();
  app.add_option("--format", request->format, "how the images are written")
      ->check(CLI::IsMember({"nifti", "dicom"}))
      ->capture_default_str();
  for (const core::Slot& slot : request->slots()) {
    app.add_option(flag_of(slot.key), request->given[slot.key], slot.help)
        ->type_name(slot.type)
        ->default_str(slot.yaml())
        ->take_last();
  }
  app.add_option("--workers", request->workers, "cases made at once; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--dry-run", request->dry_run, "tell the size, write nothing");
  request->settings = std::make_unique<SettingsOptions>(app);
  return [request] { return phantom(*request); };
}

}  // namespace

extern const Command phantom_command;
const Command phantom_command{"phantom", "make a cohort of procedural patients, for trying out and for tests",
                              "  gadolin phantom phantoms --patients 40\n"
                              "  gadolin phantom archive --format dicom --patients 60 --labelled 20 --modality CT\n"
                              "  gadolin phantom big --size 160 --channels 2 --lesions false --sites 8 --dry-run",
                              attach, phantom_settings};

}  // namespace pipelines
