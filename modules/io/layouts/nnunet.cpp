// nnU-Net raw (version 2): dataset.json with channel_names, imagesTr/ID_0000.nii.gz, labelsTr/ID.nii.gz.
#include <algorithm>

#include "core/error.h"
#include "io/dataset_json.h"
#include "io/layout.h"

namespace io {
namespace {

namespace fs = std::filesystem;

bool mine(const fs::path& path) { return fs::is_regular_file(path / "dataset.json") && read_dataset_json(path).nnunet; }

// "ID_0001.nii.gz" -> {"ID", 1}; an id that is empty when the name is not of this kind.
std::pair<std::string, std::size_t> parted(const std::string& name, const std::string& ending) {
  if (!name.ends_with(ending) || name.size() < ending.size() + 6) return {};
  const std::string stem = name.substr(0, name.size() - ending.size()), digits = stem.substr(stem.size() - 4);
  if (stem[stem.size() - 5] != '_' || digits.find_first_not_of("0123456789") != std::string::npos) return {};
  return {stem.substr(0, stem.size() - 5), static_cast<std::size_t>(std::stoi(digits))};
}

Cohort find(const fs::path& path, const LayoutOptions&) {
  const DatasetJson json = read_dataset_json(path);
  if (json.channels.empty()) throw core::usage_error("dataset.json names no channels", "it needs 'channel_names'");
  Cohort cohort;
  cohort.label_names = json.label_names;
  std::map<std::string, std::vector<fs::path>> images;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(path / "imagesTr", failed)) {
    const auto [id, number] = parted(file.path().filename().string(), json.file_ending);
    if (id.empty()) continue;
    if (number >= json.channels.size()) {
      throw core::usage_error(
          "imagesTr/" + file.path().filename().string() + " is a channel dataset.json does not name",
          "complete 'channel_names'");
    }
    auto& channels = images[id];
    channels.resize(json.channels.size());
    channels[number] = file.path();
  }
  for (const auto& [id, files] : images) {
    Entry entry;
    entry.id = id;
    for (std::size_t i = 0; i < files.size(); ++i)
      entry.channels.push_back({json.channels[i], modality_named(json.channels[i]), files[i]});
    const fs::path label = path / "labelsTr" / (id + json.file_ending);
    if (fs::exists(label)) entry.label = label;
    cohort.entries.push_back(std::move(entry));
  }
  return cohort;
}

}  // namespace

extern const Layout nnunet_layout;
const Layout nnunet_layout{"nnunet", mine, find};

}  // namespace io
