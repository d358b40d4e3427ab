// Like BIDS: sub-*/[ses-*/]anat/*.nii.gz. The images of one session that share a grid are the channels of one case
// (sub-01_ses-1); those on another grid are cases of their own, for nobody registered them. Labels are *_dseg beside
// the images or under derivatives/. participants.tsv adds columns.
#include <algorithm>
#include <array>

#include "core/error.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/nifti_volumes.h"
#include "io/table.h"

namespace io {
namespace {

namespace fs = std::filesystem;
constexpr std::array<std::string_view, 2> kNifti{".nii", ".nii.gz"};

std::vector<fs::path> sorted(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (const auto& each : fs::directory_iterator(folder, failed)) {
    if (each.path().filename().string().starts_with(prefix)) found.push_back(each.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The folders of one subject that have an anat: sub-01, or sub-01/ses-1, sub-01/ses-2.
std::vector<fs::path> sessions(const fs::path& subject) {
  std::vector<fs::path> found;
  if (fs::is_directory(subject / "anat")) found.push_back(subject);
  for (const fs::path& session : sorted(subject, "ses-")) {
    if (fs::is_directory(session / "anat")) found.push_back(session);
  }
  return found;
}

bool mine(const fs::path& path) {
  for (const fs::path& subject : sorted(path, "sub-")) {
    if (!sessions(subject).empty()) return true;
  }
  return false;
}

bool is_label(const std::string& stem) { return stem.ends_with("_dseg") || stem.ends_with("_seg"); }

// "sub-01_ses-1_acq-hr_T1w" in session sub-01_ses-1 -> "acq-hr_T1w".
std::string channel_name(const std::string& stem, const std::string& session) {
  return stem.size() > session.size() + 1 && stem.starts_with(session + "_") ? stem.substr(session.size() + 1) : stem;
}

struct Image {
  ChannelFile file;
  std::optional<NiftiHeader> header;  // none: damaged; a case of its own, and load() will tell why
};

bool one_grid(const Image& a, const Image& b) {
  return a.header && b.header && a.header->volumes == 1 && b.header->volumes == 1 &&
         a.header->shape == b.header->shape &&
         volume::same_place(a.header->geometry, b.header->geometry, a.header->shape, 0.1);
}

std::vector<fs::path> labels_of(const fs::path& root, const fs::path& session) {
  std::vector<fs::path> folders{session / "anat"}, found;
  for (const fs::path& derived : sorted(root / "derivatives", ""))
    folders.push_back(derived / session.lexically_relative(root) / "anat");
  for (const fs::path& folder : folders) {
    for (const fs::path& file : sorted(folder, "")) {
      if (has_extension(file, kNifti) && is_label(stem_of(file))) found.push_back(file);
    }
  }
  return found;
}

void add_session(Cohort& cohort, const fs::path& root, const fs::path& session, const std::string& subject) {
  const std::string id = session.filename() == subject ? subject : subject + "_" + session.filename().string();
  std::vector<std::vector<Image>> groups;
  for (const fs::path& file : sorted(session / "anat", "")) {
    const std::string stem = stem_of(file);
    if (!has_extension(file, kNifti) || is_label(stem)) continue;
    const std::string name = channel_name(stem, id);
    Image image{{name, modality_named(name), file}, std::nullopt};
    image.header = sound_nifti_header(file);
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return one_grid(g[0], image); });
    if (same != groups.end()) {
      same->push_back(std::move(image));
    } else {
      groups.emplace_back().push_back(std::move(image));
    }
  }
  const std::vector<fs::path> labels = labels_of(root, session);
  for (const auto& group : groups) {
    Entry entry;
    entry.id = groups.size() == 1 ? id : id + "_" + group[0].file.name;
    entry.groups.patient = subject;
    for (const Image& image : group) entry.channels.push_back(image.file);
    if (!labels.empty() && &group == &groups.front()) entry.label = labels.front();
    cohort.entries.push_back(std::move(entry));
  }
  if (labels.size() > 1) cohort.notes.push_back(id + ": of several label maps the first is kept");
}

void add_participants(Cohort& cohort, const fs::path& participants) {
  if (!fs::is_regular_file(participants)) return;
  const Table table = read_table(participants);
  for (std::size_t row = 0; row < table.cells.rows.size(); ++row) {
    for (Entry& entry : cohort.entries) {
      if (entry.groups.patient == table.cell(row, "participant_id"))
        fill_from_row(entry, cohort, table, row, {"participant_id", "patient"});
    }
  }
}

Cohort find(const fs::path& path, const LayoutOptions&) {
  Cohort cohort;
  for (const fs::path& subject : sorted(path, "sub-")) {
    for (const fs::path& session : sessions(subject)) add_session(cohort, path, session, subject.filename().string());
  }
  add_participants(cohort, path / "participants.tsv");
  part_nifti_volumes(cohort.entries);
  return cohort;
}

}  // namespace

extern const Layout bids_layout;
const Layout bids_layout{"bids", mine, find};

}  // namespace io
