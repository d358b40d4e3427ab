#pragma once
// Where a task's weights come from before its first step.

#include "finetune/task.h"
#include "runtime/archive.h"
#include "runtime/transfer.h"

namespace finetune {

struct InitialRules {
  bool decoder = true;     // also the decoder, when the archive has one
  double threshold = 0.5;  // share of the encoder that must fit
};

// Copies the encoder's weights (and the decoder's, as far as they fit) of a pretrained or fine-tuned checkpoint into
// the task. Throws Error with the list of what is matched, resized and skipped when less than the threshold of the
// encoder fits; the task is as before then.
struct InitialReport {
  runtime::TransferReport encoder, decoder;  // the latter empty when nothing was asked or there
  std::string text() const;                  // a few lines for a person
};
InitialReport start_from(Task& task, const runtime::Archive& weights, const InitialRules& rules = {});

}  // namespace finetune
