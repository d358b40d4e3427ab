#include "io/deidentify_words.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace io {
namespace {

// Words that are also common family names (Bell, Long, Short, Young) are left out.
// clang-format off
constexpr std::string_view kWords[] = {
    "2d", "3d", "4d", "abdomen", "abdominal", "adc", "adrenal", "angio", "ankle", "anterior", "ao",
    "aorta", "ap", "arterial", "artery", "asl", "axial", "ax", "bilateral", "bladder", "blade",
    "body", "bold", "bolus", "bone", "brain", "breast", "bravo", "bssfp", "c+", "cardiac",
    "carotid", "cartilage", "cerebral", "cervical", "chest", "cine", "cisternography", "cm",
    "colon", "contrast", "cor", "coronal", "coronary", "cranial", "ct", "cta", "cube", "dce",
    "deep", "delayed", "diffusion", "dir", "disc", "dixon", "dose", "dsc", "dti", "dual", "dwi",
    "echo", "elbow", "energy", "enhanced", "epi", "expiration", "fat", "fatsat", "fdg", "femur",
    "fetal", "field", "fiesta", "filter", "flair", "flash", "flow", "fluid", "foot", "forearm",
    "fov", "fr", "frfse", "fs", "fse", "functional", "gad", "gated", "gd", "ge", "gradient", "gre",
    "grase", "hand", "hard", "haste", "head", "heart", "hip", "hippocampus", "hr", "humerus", "iac",
    "infant", "inspiration", "ir", "iso", "joint", "kernel", "kidney", "knee", "kv", "lat",
    "lateral", "lava", "leg", "left", "liver", "localizer", "longitudinal", "low", "lower",
    "lumbar", "lung", "map", "mas", "mediastinum", "medial", "mip", "mm", "motion", "mp2rage",
    "mpr", "mprage", "mr", "mra", "mrcp", "mri", "mrs", "mrv", "multi", "myelo", "nac", "neck",
    "native", "non", "nonfat", "oblique", "orbit", "orbits", "out", "pa", "pancreas", "parallel",
    "pc", "pd", "pelvic", "pelvis", "perfusion", "pet", "phantom", "phase", "pituitary", "portal",
    "post", "posterior", "pre", "prone", "propeller", "prostate", "proton", "pulmonary", "recon",
    "renal", "resolution", "resting", "right", "routine", "sacral", "sag", "sagittal", "scan",
    "scout", "se", "sense", "sequence", "series", "shoulder", "sinus", "skull", "slab", "slice",
    "small", "soft", "spair", "space", "spgr", "spin", "spine", "spir", "spleen", "ssfse",
    "standard", "state", "std", "stir", "supine", "survey", "susceptibility", "swi", "t1", "t1c",
    "t1w", "t2", "t2*", "t2w", "te", "temporal", "test", "tfe", "thick", "thigh", "thin",
    "thoracic", "thorax", "thyroid", "ti", "tibia", "time", "tissue", "tof", "topogram", "tr",
    "tra", "transverse", "trauma", "true", "trufi", "tse", "upper", "uterus", "vein", "venous",
    "vessel", "vibe", "view", "volume", "water", "weighted", "whole", "with", "without", "wo",
    "wrist",
};
// clang-format on

std::string lower(std::string_view word) {
  std::string text;
  for (const char c : word) text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

// "b1000", "2.5mm", "120kv": a number of up to four digits with what it counts.
bool is_measure(const std::string& word) {
  if (word.size() <= 5 && word[0] == 'b' && digits(std::string_view(word).substr(1))) return true;
  const std::size_t unit = word.find_first_not_of("0123456789.");
  if (unit == 0 || unit == std::string::npos || unit > 4) return false;
  static constexpr std::string_view kUnits[] = {"mm", "cm", "ms", "kv", "kvp", "mas", "t", "kev"};
  return std::find(std::begin(kUnits), std::end(kUnits), std::string_view(word).substr(unit)) != std::end(kUnits);
}

bool parts_words(char c) {
  return std::string_view(" \t\r\n_-/\\,;:()[]{}|=^&#'\"<>").find(c) != std::string_view::npos;
}

}  // namespace

bool is_imaging_word(std::string_view word) {
  if (word.empty() || word.size() > 16) return false;
  const std::string small = lower(word);
  return std::find(std::begin(kWords), std::end(kWords), small) != std::end(kWords) || is_measure(small);
}

std::string imaging_words(std::string_view text) {
  std::string kept, word;
  const auto end_word = [&] {
    while (!word.empty() && word.back() == '.') word.pop_back();
    if (is_imaging_word(word)) kept += (kept.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : text) {
    if (parts_words(c)) {
      end_word();
    } else {
      word += c;
    }
  }
  end_word();
  return kept;
}

}  // namespace io
