#pragma once
// dataset.json, as the Medical Segmentation Decathlon and nnU-Net write it.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace io {

struct DatasetJson {
  struct Pair {
    std::string image, label;  // relative to the folder; label empty when there is none
  };
  bool nnunet = false;                     // has "channel_names"
  std::vector<std::string> channels;       // names in the order of their numbers
  std::map<int, std::string> label_names;  // nnU-Net regions are taken apart into their classes
  std::vector<Pair> training;              // empty when not listed
  std::string file_ending = ".nii.gz";
};

// Throws usage Error when it is no JSON, or a field is of another kind than it should be, or a path leads out of the
// folder.
DatasetJson read_dataset_json(const std::filesystem::path& folder);

}  // namespace io
