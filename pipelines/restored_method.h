#pragma once
// The whole method of a pretraining, made anew with its weights and its state: for what an encoder alone cannot tell.

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <string>

#include "pipelines/run_record.h"
#include "ssl/method.h"

namespace pipelines {

struct RestoredMethod {
  RunRecord record;
  std::string name;                     // of the method
  std::unique_ptr<ssl::Method> method;  // on the device, in scoring mode
};

// Of a checkpoint file, or of the newest one of a run folder; the averaged weights where the run kept an average.
// `cases`: of the store it is used on. Throws usage Error when there is none or it is not of a pretraining, Error when
// it is damaged or does not hold every weight.
RestoredMethod restore_method(const std::filesystem::path& file_or_folder, const c10::Device& device,
                              std::int64_t cases);

}  // namespace pipelines
