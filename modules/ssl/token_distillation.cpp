#include "ssl/token_distillation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "core/error.h"
#include "losses/clustering.h"
#include "losses/distillation.h"
#include "ssl/hidden_blocks.h"

namespace ssl {
namespace {

constexpr std::int64_t kSinkhornSteps = 3;
constexpr double kMaskSpread = 0.02;  // of the first mask token

// Rows [N M, C] of tokens [N, T, C] at places [N, M].
at::Tensor rows_at(const at::Tensor& tokens, const at::Tensor& places) {
  return tokens.gather(1, places.unsqueeze(2).expand({-1, -1, tokens.size(2)})).flatten(0, 1);
}

at::Tensor entropy(const at::Tensor& answers) { return -(answers * answers.clamp_min(1e-12).log()).sum(1).mean(); }

std::shared_ptr<models::Vit> vit_or_refuse(const std::string& name, const std::shared_ptr<models::Encoder>& encoder) {
  auto vit = std::dynamic_pointer_cast<models::Vit>(encoder);
  if (!vit)
    throw core::usage_error(name + " hides tokens, and this encoder has none", "take encoder.name: vit or primus");
  return vit;
}

}  // namespace

TokenDistillation::TokenDistillation(const std::string& name, const TokenDistillationOptions& options,
                                     const Setup& setup)
    : WithTeacher(name, setup, options.momentum), options_(options), vit_(vit_or_refuse(name, encoder_)) {
  teacher_vit_ = std::dynamic_pointer_cast<models::Vit>(teacher_encoder_);
  small_ = small_patch_of(options.views, setup);
  std::int64_t tokens = 1;
  for (std::size_t a = 0; a < 3; ++a) tokens *= input_.patch[a] / vit_->patch()[a];
  hidden_tokens_ = std::llround(options.hidden * static_cast<double>(tokens));
  if (hidden_tokens_ < 1 || hidden_tokens_ >= tokens)
    throw core::usage_error("of " + std::to_string(tokens) + " tokens " + std::to_string(hidden_tokens_) +
                                " would be hidden: there must be one at least, and one left to see",
                            "take another share (method.hidden), or smaller tokens (encoder.patch)");
  if (options.views.crops.large + options.views.crops.small < 2)
    throw core::usage_error(name + " has one view: there is no other to answer for", "raise method.views.crops");
  mask_ = std::make_shared<torch::nn::Module>();
  mask_->register_parameter("token", at::randn({vit_->width()}) * kMaskSpread);
  add("mask", mask_);
  add_answerer("picture", of_pictures_, teacher_of_pictures_);
  of_tokens_ = of_pictures_;
  teacher_of_tokens_ = teacher_of_pictures_;
  if (!options.one_head) add_answerer("token", of_tokens_, teacher_of_tokens_);
  centre_ = at::zeros({options.prototypes}).to(setup.device);
  token_centre_ = centre_.clone();
}

TokenDistillation::Answerer TokenDistillation::make_answerer() const {
  return {
      std::make_shared<Head>(HeadShape{vit_->width(), options_.hidden_size, options_.bottleneck, 3, Between::kGELU}),
      std::make_shared<Prototypes>(options_.bottleneck, options_.prototypes)};
}

void TokenDistillation::add_answerer(const std::string& name, Answerer& student, Answerer& teacher) {
  student = make_answerer();
  teacher = make_answerer();
  add_followed(name + "_head", student.head, teacher.head);
  add_followed(name + "_prototypes", student.prototypes, teacher.prototypes);
}

at::Tensor TokenDistillation::Answerer::scores(const at::Tensor& rows, runtime::Comm& comm) const {
  return prototypes->forward(head->forward(rows, comm));
}

std::vector<augment::Recipe> TokenDistillation::views() const {
  std::vector<augment::Recipe> recipes = recipes_of(options_.views, input_, small_);
  augment::BlockMask mask;
  mask.hidden = options_.hidden;
  mask.block.assign(vit_->patch().begin(), vit_->patch().end());
  for (std::size_t view = 0; view < static_cast<std::size_t>(options_.views.crops.large); ++view) {
    std::vector<augment::OpPointer> ops = recipes[view].ops();
    ops.push_back(augment::make(mask));
    recipes[view] = augment::Recipe(recipes[view].patch(), std::move(ops));
  }
  return recipes;
}

train::StepResult TokenDistillation::further(const at::Tensor&, const at::Tensor&, const train::Moment&) { return {}; }

train::StepResult TokenDistillation::step(std::size_t, const data::Batch& batch, const train::Moment& moment) {
  const auto large = static_cast<std::size_t>(options_.views.crops.large);
  std::vector<at::Tensor> images, masks;
  for (std::size_t view = 0; view < large; ++view) {
    GADOLIN_CHECK(batch.views[view].hidden.defined());
    images.push_back(batch.views[view].images);
    masks.push_back(hidden_tokens(batch.views[view].hidden.unsqueeze(1), vit_->patch()).to(at::kBool));
  }
  const at::Tensor image = at::cat(images), hidden = at::cat(masks);
  const at::Tensor places =
      hidden.to(at::kByte).argsort(/*stable=*/true, /*dim=*/1, /*descending=*/true).narrow(1, 0, hidden_tokens_);
  const Scores student = student_scores(batch, image, hidden, places);
  const Answers teacher = teacher_answers(image, places);

  const auto by_view = [&](const at::Tensor& all) { return all.view({-1, batch.size(), options_.prototypes}); };
  const at::Tensor of_pictures =
      losses::self_distillation(by_view(teacher.pictures), by_view(student.pictures), options_.student_temperature);
  const at::Tensor picture = at::arange(image.size(0), places.options()).repeat_interleave(hidden_tokens_);
  const at::Tensor of_tokens =
      losses::token_distillation(teacher.tokens, student.tokens, picture, image.size(0), options_.student_temperature);
  at::Tensor loss = of_pictures + options_.token_weight * of_tokens;
  if (options_.koleo > 0) {
    for (const at::Tensor& view : student.summaries.split(batch.size()))
      loss = loss + options_.koleo * losses::koleo(view, comm());
  }
  train::StepResult more = further(image, student.all_tokens, moment);
  if (more.loss.defined()) loss = loss + more.loss;
  const at::Tensor least = entropy(teacher.pictures) + options_.token_weight * entropy(teacher.tokens);
  more.watch["pictures"] = of_pictures.detach();
  more.watch["tokens"] = of_tokens.detach();
  more.watch["divergence"] = of_pictures.detach() + options_.token_weight * of_tokens.detach() - least;
  return {loss, std::move(more.watch)};
}

TokenDistillation::Scores TokenDistillation::student_scores(const data::Batch& batch, const at::Tensor& images,
                                                            const at::Tensor& hidden, const at::Tensor& places) {
  const at::Tensor seen = vit_->patches(images);
  const at::Tensor mask_token = mask_->named_parameters()["token"].to(seen.scalar_type());
  const at::Tensor tokens = at::where(hidden.unsqueeze(2), mask_token, seen) + vit_->positions(vit_->grid(images));
  const models::Vit::Encoded encoded = vit_->encode_all(tokens, {vit_->grid(images), {}});
  std::vector<at::Tensor> rows{encoded.summary};
  const auto large = static_cast<std::size_t>(options_.views.crops.large);
  if (batch.views.size() > large)
    rows.push_back(embeddings_of(*encoder_, std::span<const data::View>(batch.views).subspan(large)));
  return {of_pictures_.scores(at::cat(rows), comm()), of_tokens_.scores(rows_at(encoded.tokens, places), comm()),
          encoded.summary, encoded.tokens};
}

TokenDistillation::Answers TokenDistillation::teacher_answers(const at::Tensor& images, const at::Tensor& places) {
  const at::NoGradGuard no_gradient;
  const models::Vit::Encoded encoded = teacher_vit_->encode_all(teacher_vit_->tokens(images), {vit_->grid(images), {}});
  const at::Tensor pictures = teacher_of_pictures_.scores(encoded.summary, comm());
  const at::Tensor tokens = teacher_of_tokens_.scores(rows_at(encoded.tokens, places), comm());
  found_centre_ = losses::mean_of_all(pictures, comm());
  found_token_centre_ = losses::mean_of_all(tokens, comm());
  return {answer(pictures, centre_), answer(tokens, token_centre_)};
}

at::Tensor TokenDistillation::answer(const at::Tensor& scores, const at::Tensor& centre) {
  if (options_.sinkhorn) return losses::sinkhorn(scores, options_.teacher_temperature, kSinkhornSteps, comm());
  return losses::centred_answer(scores, centre, options_.teacher_temperature);
}

void TokenDistillation::after_update(const train::Moment& moment) {
  WithTeacher::after_update(moment);
  const double keep = options_.centre_momentum;
  centre_ = keep * centre_ + (1 - keep) * found_centre_;
  token_centre_ = keep * token_centre_ + (1 - keep) * found_token_centre_;
}

void TokenDistillation::save(runtime::Archive& archive) const {
  archive.tensors["centre"] = centre_;
  archive.tensors["token_centre"] = token_centre_;
}

void TokenDistillation::load(const runtime::Archive& archive) {
  centre_ = archive.tensors.at("centre").to(centre_.device());
  token_centre_ = archive.tensors.at("token_centre").to(centre_.device());
}

}  // namespace ssl
