#include "ssl/restoration.h"

#include <ATen/ATen.h>

#include <utility>

#include "core/error.h"
#include "losses/masked.h"

namespace ssl {

Restoration::Restoration(std::string phase, const Setup& setup)
    : OnVoxels(std::move(phase), setup),
      decoder_(models::make_decoder(*setup.encoder, setup.input, setup.input.channels, false)) {
  add("decoder", decoder_);
}

at::Tensor Restoration::restored(const at::Tensor& images) {
  return decoder_->maps(encoder_->features(images), images).front();
}

train::StepResult Restoration::step(std::size_t, const data::Batch& batch, const train::Moment&) {
  const data::View& view = batch.views.at(0);
  GADOLIN_CHECK(view.kept.defined());
  const at::Tensor inside = view.valid.unsqueeze(1);
  const auto apart = [&](const at::Tensor& picture) {
    return losses::masked_mean_square(picture, view.kept, inside, {}, false);
  };
  return {apart(restored(view.images)), {{"damage", apart(view.images)}}};
}

}  // namespace ssl
