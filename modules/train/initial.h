#pragma once
// Where a learner's weights come from before its first step, when not from random numbers.

#include <string>

#include "runtime/archive.h"
#include "runtime/transfer.h"
#include "train/learner.h"

namespace train {

struct InitialRules {
  bool decoder = true;     // also the decoder, when the archive has one
  double threshold = 0.5;  // share of the encoder that must fit
};

// Copies the weights below "encoder." (and "decoder.", as far as they fit) of a pretrained or fine-tuned checkpoint
// into live tensors of the same names. Throws Error with the list of what is matched, resized and skipped when less
// than the threshold of the encoder fits; the tensors are as before then.
struct InitialReport {
  runtime::TransferReport encoder, decoder;  // the latter empty when nothing was asked or there
  std::string text() const;                  // a few lines for a person
};
InitialReport start_from(const NamedTensors& target, const runtime::Archive& weights, const InitialRules& rules = {});

}  // namespace train
