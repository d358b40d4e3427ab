#pragma once
// Weights of one network into another: a pretrained encoder into a fine-tuned one.

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/archive.h"

namespace runtime {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;  // live tensors by name

struct TransferRules {
  // Target prefix -> archive prefix, the longest that fits a name wins. Empty: names are the same in both. With
  // {{"encoder.", "encoder."}} only tensors of the target below "encoder." take part.
  std::map<std::string, std::string> prefixes;
  // The share of the taking part elements of the target that must be matched or resized.
  double threshold = 0.5;
};

// Names are those of the target, in its order; `unused` are the archive's, without the prefix-less rest ("/" in the
// name marks what is no weight).
struct TransferReport {
  std::vector<std::string> matched;  // copied as they are
  std::vector<std::string>
      resized;  // first convolutions for another number of channels; position codes of another grid
  std::vector<std::string> skipped;  // "name (why)": absent in the archive, or of another shape
  std::vector<std::string> unused;
  double share = 0;          // of elements, matched or resized
  std::string text() const;  // a few lines for a person
};

// Copies into the target, whatever its device and float type. A convolution [out, in, d, h, w] from another number of
// input channels takes the mean over them, scaled so that an equal picture in all channels gives the same response; a
// position code [1, tokens, channels] of cubes is interpolated trilinearly. Nothing is copied when it throws: Error
// with the report when less than the threshold fits.
TransferReport transfer(const Archive& archive, const NamedTensors& target, const TransferRules& rules = {});

}  // namespace runtime
