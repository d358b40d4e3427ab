// Medical Segmentation Decathlon: dataset.json lists images and labels; one image a case. Where ID.nii.gz is not there
// but ID_0000.nii.gz is, the channels lie in files of their own, as the first nnU-Net kept them. Where dataset.json
// names several and the image is 4-D with as many volumes, these are the channels (as in Task01 and Task05).
#include "io/dataset_json.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/nifti_volumes.h"
#include "io/table.h"

namespace io {
namespace {

namespace fs = std::filesystem;

bool mine(const fs::path& path) { return fs::is_regular_file(path / "dataset.json"); }

std::vector<ChannelFile> channel_files(const fs::path& image, const DatasetJson& json) {
  const std::string first = json.channels.empty() ? "image" : json.channels.front();
  const std::string name = image.filename().string(), stem = stem_of(image);
  const std::string extension = name.substr(stem.size());
  const auto numbered = [&](std::size_t i) {
    const std::string digits = std::to_string(i);
    return image.parent_path() / (stem + "_" + std::string(4 - digits.size(), '0') + digits + extension);
  };
  std::vector<ChannelFile> files;
  const auto count = static_cast<std::int64_t>(json.channels.size());
  if (fs::exists(image) || !fs::exists(numbered(0))) {
    const std::optional<NiftiHeader> header = count > 1 ? sound_nifti_header(image) : std::nullopt;
    if (!header || header->volumes != count) return {{first, modality_named(first), image}};
    for (const std::string& name : json.channels)
      files.push_back({name, modality_named(name), image, static_cast<std::int64_t>(files.size()) + 1, count});
    return files;
  }
  for (std::size_t i = 0; i < json.channels.size(); ++i)
    files.push_back({json.channels[i], modality_named(json.channels[i]), numbered(i)});
  return files;
}

// What cases.csv or participants.csv tell of the cases.
void add_table(Cohort& cohort, const fs::path& folder) {
  for (const char* name : {"cases.csv", "participants.csv"}) {
    if (!fs::is_regular_file(folder / name)) continue;
    const Table table = read_table(folder / name);
    if (!table.has("case")) continue;
    std::map<std::string, std::size_t> rows;
    for (std::size_t row = 0; row < table.cells.rows.size(); ++row) rows.emplace(table.cell(row, "case"), row);
    for (Entry& entry : cohort.entries) {
      const auto found = rows.find(entry.id);
      if (found != rows.end()) fill_from_row(entry, cohort, table, found->second, {"case", "image", "label"});
    }
    return;
  }
}

Cohort find(const fs::path& path, const LayoutOptions&) {
  const DatasetJson json = read_dataset_json(path);
  Cohort cohort;
  cohort.label_names = json.label_names;
  for (const DatasetJson::Pair& pair : json.training) {
    Entry entry;
    entry.id = stem_of(pair.image);
    entry.channels = channel_files(path / pair.image, json);
    if (!pair.label.empty()) entry.label = path / pair.label;
    cohort.entries.push_back(std::move(entry));
  }
  add_table(cohort, path);
  return cohort;
}

}  // namespace

extern const Layout msd_layout;
const Layout msd_layout{"msd", mine, find};

}  // namespace io
