// DINOv3: DINOv2, and in the later part of a run the places of a picture stay as like each other as they were to an
// earlier teacher: long runs make embeddings of whole pictures better and those of places worse. Simeoni et al.,
// "DINOv3", 2025. Of the paper are not here: rotary codes of place, which are the encoder's, and earlier teachers that
// look at larger pictures.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <optional>

#include "core/error.h"
#include "losses/distillation.h"
#include "ssl/token_distillation.h"

namespace ssl {
namespace {

struct Dinov3Options : TokenDistillationOptions {
  Dinov3Options() {
    sinkhorn = true;
    one_head = false;
    koleo = 0.1;
  }
  double gram_weight = 2, gram_from = 0.2, gram_begin = 0.5;
  std::int64_t gram_renew = 0;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple_cat(
        TokenDistillationOptions::fields(),
        std::tuple{
            field("gram_weight", &Dinov3Options::gram_weight,
                  "of keeping places as like each other as they were to the earlier teacher", Range{0, 1000}),
            field("gram_from", &Dinov3Options::gram_from, "share of the run after which the earlier teacher is taken",
                  Range{0, 1}),
            field("gram_begin", &Dinov3Options::gram_begin, "share of the run from which on it counts", Range{0, 1}),
            field("gram_renew", &Dinov3Options::gram_renew,
                  "since then the teacher of the day is taken every so many steps; 0: the first one stays",
                  Range{0, 1e9}),
        });
  }
};

class Dinov3 final : public TokenDistillation {
 public:
  Dinov3(const Dinov3Options& options, const Setup& setup)
      : TokenDistillation("dinov3", options, setup), options_(options) {
    if (options.gram_from > options.gram_begin)
      throw core::usage_error("dinov3 shall be held to a teacher that is only taken later",
                              "give a method.gram_from of method.gram_begin at most");
    const std::shared_ptr<models::Encoder> twin = setup.twin();
    earlier_ = std::dynamic_pointer_cast<models::Vit>(twin);
    add("gram_encoder", twin, /*trained=*/false);
    taking_.emplace(teacher_vit(), *earlier_);
  }

  void after_update(const train::Moment& moment) override {
    TokenDistillation::after_update(moment);
    const std::int64_t done = moment.step + 1;
    const auto reached = [&](double share) {
      return static_cast<double>(done) >= share * static_cast<double>(moment.steps);
    };
    const bool renewed = options_.gram_renew > 0 && reached(options_.gram_begin) && done % options_.gram_renew == 0;
    if (renewed || (!taken_ && reached(options_.gram_from))) {
      taking_->copy();
      taken_ = true;
    }
  }

  void save(runtime::Archive& archive) const override {
    TokenDistillation::save(archive);
    archive.tensors["gram_taken"] = at::full({1}, taken_ ? 1 : 0, at::kLong);
  }
  void load(const runtime::Archive& archive) override {
    TokenDistillation::load(archive);
    taken_ = archive.tensors.at("gram_taken").item<std::int64_t>() != 0;
  }

 protected:
  train::StepResult further(const at::Tensor& images, const at::Tensor& tokens, const train::Moment& moment) override {
    if (options_.gram_weight == 0 || !taken_ || moment.done() < options_.gram_begin) return {};
    const at::Tensor distance = losses::gram_distance(tokens, places_as_earlier(images));
    return {options_.gram_weight * distance, {{"gram", distance.detach()}}};
  }

 private:
  at::Tensor places_as_earlier(const at::Tensor& images) {
    const at::NoGradGuard no_gradient;
    return earlier_->encode(earlier_->tokens(images), {earlier_->grid(images), {}});
  }

  Dinov3Options options_;
  std::shared_ptr<models::Vit> earlier_;
  std::optional<train::Teacher> taking_;  // of the teacher of the day
  bool taken_ = false;
};

}  // namespace

extern const MethodEntry dinov3_entry;
const MethodEntry dinov3_entry{
    .name = "dinov3",
    .help = "dinov2 whose places later stay as like each other as they were to an earlier teacher",
    .family = "self-distillation",
    .year = 2025,
    .needs = "2 large views with hidden tokens and 4 small ones",
    .encoders = "vit, primus",
    .cost = 3.5,
    .choose = "dinov2 for long runs whose features of places are used too (segmentation, landmarks)",
    .loss = "dinov2's, and later the mean square between the places' cosines and those to an earlier teacher",
    .formula = "dinov2(views) + 2 mean over pairs of places (cos(s_i, s_k) - cos(t_i, t_k))^2",
    .reference = "Simeoni et al., DINOv3, 2025, arXiv 2508.10104",
    .probe = "kNN",
    .improves = "divergence",
    .settings = SettingsOf<Dinov3Options, Dinov3>::defaults};

}  // namespace ssl
