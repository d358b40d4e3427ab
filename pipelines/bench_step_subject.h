#pragma once
// What `gadolin bench step` trains: a masked autoencoder, its batch, and both as a file that its peer reads.

#include <filesystem>
#include <memory>
#include <string>

#include "data/batch.h"
#include "models/encoder.h"
#include "pipelines/bench_one_batch.h"
#include "ssl/method.h"
#include "train/run_state.h"
#include "train/step.h"

namespace pipelines {

class StepSubject {
 public:
  // `encoder` with its default settings; two pictures of `edge` voxels along each axis, of noise, three quarters
  // hidden. The same every time.
  StepSubject(const std::string& encoder, std::int64_t edge, const std::string& precision);
  ~StepSubject();

  // Weights, batch and, as the fact "plan", what the network is: as tests/bench/step_peers.py reads it.
  void write(const std::filesystem::path& path) const;
  // A whole step, as training makes it; the loss before it.
  double step();

  const data::Batch& batch() const { return batch_; }
  models::Encoder& encoder() const { return *encoder_; }

 private:
  models::Input input_;
  std::shared_ptr<models::Encoder> encoder_;
  std::unique_ptr<ssl::Method> method_;
  data::Batch batch_;
  train::TrainerSettings settings_;
  std::unique_ptr<OneBatch> source_;
  std::unique_ptr<runtime::Comm> comm_;
  std::unique_ptr<train::RunState> state_;
  train::Timings timings_{c10::Device(c10::kCPU)};
  std::unique_ptr<train::Step> step_;
};

}  // namespace pipelines
