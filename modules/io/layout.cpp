#include "io/layout.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/config.h"
#include "core/files.h"
#include "io/format.h"
#include "io/reject.h"
#include "io/report_text.h"
#include "io/table.h"

#define GADOLIN_LAYOUTS(X) X(csv) X(nnunet) X(msd) X(bids) X(dicom) X(flat)

namespace io {

#define X(name) extern const Layout name##_layout;
GADOLIN_LAYOUTS(X)
#undef X

namespace {

// The files an image file cannot be read without: the other half of a pair.
void add_files(std::vector<std::filesystem::path>& files, const std::filesystem::path& image) {
  if (std::filesystem::is_directory(image)) {  // of a DICOM series
    const std::size_t before = files.size();
    std::error_code failed;
    for (const auto& file : std::filesystem::recursive_directory_iterator(image, failed)) {
      if (file.is_regular_file(failed)) files.push_back(file.path());
    }
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
    return;
  }
  if (std::find(files.begin(), files.end(), image) != files.end()) return;  // of several channels in one file
  files.push_back(image);
  static constexpr std::array<std::string_view, 4> kHeads{".hdr", ".hdr.gz", ".nhdr", ".mhd"};
  if (!has_extension(image, kHeads)) return;
  const std::string stem = (image.parent_path() / stem_of(image)).string();
  for (const char* extension : {".img", ".img.gz", ".raw", ".raw.gz", ".zraw"}) {
    if (std::filesystem::exists(stem + extension)) files.emplace_back(stem + extension);
  }
}

std::string told(const Entry& entry, const Cohort& cohort) {
  const std::filesystem::path& file = entry.files.empty() ? std::filesystem::path(entry.id) : entry.files.front();
  const std::filesystem::path relative = file.lexically_relative(cohort.root);
  return relative.empty() ? file.filename().string() : relative.string();
}

void add_note(Cohort& cohort, const std::string& note) {
  if (std::find(cohort.notes.begin(), cohort.notes.end(), note) == cohort.notes.end()) cohort.notes.push_back(note);
}

std::string group_word(const Table& table, std::size_t row, const std::string& name, const std::string& value) {
  const bool sound = name == "sex" ? value == "F" || value == "M" || value == "O"
                                   : value.find_first_of("-+<>") != std::string::npos && value.size() <= 8;
  if (sound) return value;
  throw core::usage_error(table.place(row) + ": column " + name + " holds something else",
                          "sex is F, M or O; an age band is like 40-49 or 90+, never an age");
}

void require_unique(const Cohort& cohort) {
  for (std::size_t i = 1; i < cohort.entries.size(); ++i) {
    const Entry &a = cohort.entries[i - 1], &b = cohort.entries[i];
    if (a.id != b.id) continue;
    throw core::usage_error("two cases are called '" + a.id + "': " + told(a, cohort) + " and " + told(b, cohort),
                            "rename one, or list the images in a .csv with a 'case' column");
  }
}

}  // namespace

std::span<const Layout* const> layouts() {
#define X(name) &name##_layout,
  static const Layout* const kAll[] = {GADOLIN_LAYOUTS(X)};
#undef X
  return kAll;
}

const Layout& layout_for(const std::filesystem::path& path, const std::string& name) {
  std::vector<std::string> known;
  for (const Layout* layout : layouts()) {
    if (layout->name == name || (name == "auto" && layout->mine(path))) return *layout;
    known.emplace_back(layout->name);
  }
  if (name == "auto")
    throw reject("EMPTY", path.filename().string() + " is neither a folder, a table nor an image",
                 "give a folder of images, a dataset.json's folder or a .csv");
  const std::string close = core::nearest(name, known);
  std::string all = "auto";
  for (const std::string& each : known) all += "|" + each;
  throw core::usage_error("no layout is called '" + name + "'",
                          close.empty() ? "one of " + all : "did you mean '" + close + "'?");
}

Cohort find_cohort(const std::filesystem::path& given, const LayoutOptions& options) {
  std::filesystem::path path = given.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (!std::filesystem::exists(path)) {
    throw core::usage_error("there is no " + given.string(),
                            "give a folder of images, a dataset.json's folder or a .csv");
  }
  const Layout& layout = layout_for(path, options.layout);
  Cohort cohort =
      core::with_context("find cases in " + path.filename().string(), [&] { return layout.find(path, options); });
  cohort.key = options.key;
  if (options.index) cohort.index = options.index;
  cohort.layout = layout.name;
  cohort.root = std::filesystem::is_directory(path) ? path : path.parent_path();
  if (cohort.entries.empty()) {
    throw reject("EMPTY", "no image is in " + given.string() + " (layout " + cohort.layout + ")",
                 "check the path; --layout chooses how the folder is read");
  }
  if (!options.label_names.empty()) cohort.label_names = options.label_names;
  if (options.join) join_table(cohort, *options.join);
  for (Entry& entry : cohort.entries) {
    entry.patient_told = !entry.groups.patient.empty();
    if (!entry.patient_told) entry.groups.patient = entry.id;
    for (const ChannelFile& channel : entry.channels) {
      if (!channel.path.empty()) add_files(entry.files, channel.path);
    }
    if (entry.label) add_files(entry.files, *entry.label);
  }
  std::stable_sort(cohort.entries.begin(), cohort.entries.end(),
                   [](const Entry& a, const Entry& b) { return a.id < b.id; });
  require_unique(cohort);
  return cohort;
}

bool Cohort::names_are_keyed() const {
  const auto dicom = [](const ChannelFile& channel) {
    return !channel.path.empty() && (std::filesystem::is_directory(channel.path) || format_of(channel.path) == nullptr);
  };
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.is_series || std::any_of(entry.channels.begin(), entry.channels.end(), dicom);
  });
}

std::string modality_named(const std::string& channel) {
  std::string name;
  for (const unsigned char c : channel) name += static_cast<char>(std::tolower(c));
  if (name == "ct" || name.starts_with("ct_") || name.ends_with("_ct")) return "CT";
  if (name.starts_with("pet") || name == "pt" || name.starts_with("suv")) return "PT";
  if (name == "us" || name == "ultrasound") return "US";
  static constexpr std::array<std::string_view, 12> kMr{"mr",  "t1",  "t2",  "flair", "adc",  "dwi",
                                                        "pdw", "swi", "pd_", "dce",   "bold", "fgatir"};
  for (const std::string_view mr : kMr) {
    if (name.starts_with(mr) || name.find("_" + std::string(mr)) != std::string::npos) return "MR";
  }
  return "OT";
}

void fill_from_row(Entry& entry, Cohort& cohort, const Table& table, std::size_t row,
                   const std::vector<std::string>& skip) {
  PatientWords who;
  std::string report;
  for (std::size_t i = 0; i < table.cells.columns.size(); ++i) {
    const std::string &name = table.cells.columns[i], &value = table.cells.rows[row][i];
    const bool identity = add_identity(name, value, who);
    if (value.empty() || value == "n/a" || std::find(skip.begin(), skip.end(), name) != skip.end()) continue;
    if (name == "patient") {
      entry.groups.patient = value;
      who.numbers.push_back(value);
    } else if (name == "site") {
      entry.groups.site = value;
    } else if (name == "vendor") {
      entry.groups.vendor = value;
    } else if (name == "sex" || name == "age_band") {
      entry.facts[name] = group_word(table, row, name, value);
    } else if (name == "report") {
      const std::filesystem::path file = table.path.parent_path() / value;
      const bool a_file = value.size() < 256 && value.ends_with(".txt") && std::filesystem::is_regular_file(file);
      report = a_file ? core::read_text(file) : value;
    } else if (identity) {
      add_note(cohort,
               "column '" + name + "' of " + table.path.filename().string() + " names patients and is not kept");
    } else if (const auto number = number_in(value)) {
      entry.scalars[name] = *number;
    } else if (name == "class" || name == "score") {
      throw core::usage_error(table.place(row) + ": '" + value + "' in column " + name + " is no number",
                              "number the classes from 0");
    } else {
      add_note(cohort, "column '" + name + "' of " + table.path.filename().string() + " is text and is not kept");
    }
  }
  if (report.empty()) return;
  ScrubbedText scrubbed = scrub_report(report, who);
  if (scrubbed.doubtful) {
    entry.notes.emplace_back("REPORT_IDENTITY");
  } else {
    entry.report = std::move(scrubbed.text);
  }
}

}  // namespace io
