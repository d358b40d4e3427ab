#pragma once
// A view is damaged on purpose, the network restores it: what the methods share that differ in the damage alone.

#include <memory>
#include <string>

#include "models/decoder.h"
#include "ssl/on_voxels.h"

namespace ssl {

// The encoder and the decoder that belongs to it ("decoder"). The loss is the mean square between the restored view and
// View::kept, over the voxels inside the case. Watches "damage": the same between the damaged view and View::kept, what
// a network that changes nothing would have.
class Restoration : public OnVoxels {
 public:
  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override { return batch.views.at(0).valid.sum(); }
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override;

 protected:
  // Throws usage Error when the encoder has no decoder, naming those that have.
  Restoration(std::string phase, const Setup& setup);
  // [N, C, D, H, W] of images alike.
  at::Tensor restored(const at::Tensor& images);

 private:
  std::shared_ptr<models::Decoder> decoder_;
};

}  // namespace ssl
