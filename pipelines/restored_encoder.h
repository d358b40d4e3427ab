#pragma once
// The encoder of a checkpoint, made anew with its weights.

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <string>

#include "models/encoder.h"
#include "pipelines/run_record.h"

namespace pipelines {

struct RestoredEncoder {
  RunRecord record;
  std::shared_ptr<models::Encoder> encoder;  // on the device, in scoring mode
  std::string weights_hash;                  // SHA-256 over the names and bytes of the encoder's tensors
};

// Of a checkpoint file, or of the newest one of a run folder; of pretrain or finetune; the averaged weights where the
// run kept an average. Throws usage Error when there is none, Error when it is damaged or does not hold every weight.
RestoredEncoder restore_encoder(const std::filesystem::path& file_or_folder, const c10::Device& device);

}  // namespace pipelines
