// CLIP: a picture shall be found by its report and a report by its picture, among those of the global batch. Radford et
// al., "Learning transferable visual models from natural language supervision", ICML 2021; with loss=sigmoid Zhai et
// al., "Sigmoid loss for language image pre-training" (SigLIP), ICCV 2023.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "augment/recipes.h"
#include "core/error.h"
#include "core/hash.h"
#include "data/tokenizer.h"
#include "losses/image_text.h"
#include "losses/precision.h"
#include "models/text_encoder.h"
#include "ssl/head.h"
#include "ssl/image_text.h"
#include "ssl/method.h"
#include "ssl/views.h"

namespace ssl {
namespace {

static_assert(data::Tokenizer::kPadding == models::TextEncoder::kPadding);

constexpr double kHighestScale = 100;  // both papers' code

struct ClipOptions {
  // What a report says must stay true of the view: sides and sizes.
  ClipOptions() {
    view.mirror.chance = 0;
    view.warp.scale_chance = 0;
    view.warp.bend_chance = 0;
  }
  std::string loss = "softmax";
  double temperature = 0, bias = -10;
  std::int64_t projection_size = 256;
  models::TextSettings text;
  augment::Contrastive view;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("loss", &ClipOptions::loss,
              "softmax: over all reports of the batch (CLIP); sigmoid: yes or no for each pair (SigLIP)"),
        field("temperature", &ClipOptions::temperature,
              "what cosines are divided by at first, learned from then on; 0: the paper's, 0.07 of softmax and 0.1 of "
              "sigmoid",
              Range{0, 10}),
        field("bias", &ClipOptions::bias, "of sigmoid: what is added at first, learned from then on", Range{-100, 100}),
        field("projection_size", &ClipOptions::projection_size, "length of both projected embeddings", Range{2, 65536}),
        field("text", &ClipOptions::text, "what reads the reports"),
        field("view", &ClipOptions::view,
              "how the view is made; no mirror, scale or bend: sides and sizes in a report must stay true"),
    };
  }
};

// The two learned numbers.
struct Match : torch::nn::Module {
  Match(double temperature, bool with_bias, double first_bias) {
    log_scale = register_parameter("log_scale", at::full({}, -std::log(temperature)));
    if (with_bias) bias = register_parameter("bias", at::full({}, first_bias));
  }
  at::Tensor log_scale, bias;
};

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n\f\v") == std::string::npos; }

// The same for equal tokens; not negative.
std::int64_t number_of(const std::vector<data::Tokenizer::Token>& tokens) {
  core::Sha256 hash;
  hash.update(std::as_bytes(std::span(tokens)));
  const auto digest = hash.digest();
  std::int64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number & std::numeric_limits<std::int64_t>::max();
}

class Clip final : public OneEncoder, public ImageTextSpace {
 public:
  Clip(const ClipOptions& options, const Setup& setup)
      : OneEncoder("clip", setup),
        options_(options),
        sigmoid_(options.loss == "sigmoid"),
        device_(setup.device),
        text_(std::make_shared<models::TextEncoder>(options.text)),
        image_projection_(projection(encoder_->embedding_size())),
        text_projection_(projection(text_->width())),
        match_(std::make_shared<Match>(first_temperature(), sigmoid_, options.bias)) {
    if (!sigmoid_ && options.loss != "softmax")
      throw core::usage_error("clip has no loss " + options.loss, "method.loss: softmax or sigmoid");
    add("text", text_);
    add("image_projection", image_projection_);
    add("text_projection", text_projection_);
    add("match", match_);
  }

  std::vector<augment::Recipe> views() const override { return {augment::contrastive(patch(), options_.view)}; }

  // Once: every rank is given all reports and learns the same tokens.
  bool wants_pass() const override { return !words_known_; }
  void before_epoch(data::BatchSource& pass, const train::Moment&) override {
    if (words_known_) return;
    data::WordCounts words;
    while (static_cast<std::int64_t>(pass.position()) < pass.epoch_size()) {
      for (const std::string& report : pass.next().reports) data::count_words(report, words);
    }
    tokenizer_ = data::Tokenizer::learned(words, options_.text.vocabulary);
    words_known_ = true;
  }

  train::Coupling coupling() const override { return train::Coupling::kEmbeddings; }

  std::vector<at::Tensor> embed(std::size_t, const data::Batch& part, const train::Moment&) override {
    const Read read = read_texts(part.reports, part.size());
    return {encoder_->embedding(part.views.at(0).images), text_->forward(read.tokens), read.which};
  }

  train::StepResult loss_of(std::size_t, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                            const train::Moment&) override {
    need_samples(batch, comm(), 2, "clip", "there is no other report that a picture could have");
    const losses::ImageText rows{image_projection_->forward(embedded[0]), text_projection_->forward(embedded[1]),
                                 embedded[2]};
    const at::Tensor loss = sigmoid_ ? losses::found_by_sigmoid(rows, match_->log_scale, match_->bias, comm())
                                     : losses::found_by_softmax(rows, match_->log_scale, comm());
    return {loss, watched(rows)};
  }

  void after_update(const train::Moment&) override {
    const at::NoGradGuard no_gradient;
    match_->log_scale.clamp_(0, std::log(kHighestScale));
  }

  at::Tensor image_rows(const at::Tensor& images) override {
    const at::NoGradGuard no_gradient;
    return unit_rows(image_projection_->forward(encoder_->embedding(images)));
  }
  at::Tensor text_rows(std::span<const std::string> texts) override {
    const at::NoGradGuard no_gradient;
    const Read read = read_texts(texts, static_cast<std::int64_t>(texts.size()));
    return unit_rows(text_projection_->forward(text_->forward(read.tokens)));
  }
  double scale() const override { return std::exp(match_->log_scale.item<double>()); }

  void save(runtime::Archive& archive) const override {
    if (words_known_) archive.facts["tokenizer"] = tokenizer_.to_json();
  }
  void load(const runtime::Archive& archive) override {
    const auto found = archive.facts.find("tokenizer");
    words_known_ = found != archive.facts.end();
    tokenizer_ = words_known_ ? data::Tokenizer::from_json(found->second) : data::Tokenizer();
  }

 private:
  // tokens [N, T] int64, T of the longest text; which [N] int64 as in losses::ImageText.
  struct Read {
    at::Tensor tokens, which;
  };

  std::shared_ptr<torch::nn::LinearImpl> projection(std::int64_t in) const {
    return std::make_shared<torch::nn::LinearImpl>(torch::nn::LinearOptions(in, options_.projection_size).bias(false));
  }
  double first_temperature() const {
    if (options_.temperature > 0) return options_.temperature;
    return sigmoid_ ? 0.1 : 0.07;
  }

  // A sample without a report is read as an empty text, so that every weight has its part in every batch.
  Read read_texts(std::span<const std::string> texts, std::int64_t count) const {
    const std::string nothing;
    std::vector<std::vector<data::Tokenizer::Token>> rows;
    std::vector<std::int64_t> which;
    std::size_t longest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto place = static_cast<std::size_t>(i);
      const std::string& text = place < texts.size() ? texts[place] : nothing;
      rows.push_back(tokenizer_.marked(text, options_.text.context));
      which.push_back(is_blank(text) ? -1 : number_of(rows.back()));
      longest = std::max(longest, rows.back().size());
    }
    const at::Tensor tokens =
        at::full({count, static_cast<std::int64_t>(longest)}, data::Tokenizer::kPadding, at::kLong);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& row = rows[static_cast<std::size_t>(i)];
      std::copy(row.begin(), row.end(), tokens.data_ptr<std::int64_t>() + i * static_cast<std::int64_t>(longest));
    }
    return {tokens.to(device_), at::tensor(which, at::kLong).to(device_)};
  }

  // Of this rank's samples; 0 where none has a report.
  std::map<std::string, at::Tensor> watched(const losses::ImageText& rows) const {
    const at::NoGradGuard no_gradient;
    const losses::WithoutAutocast exact;
    const at::Tensor has = rows.which >= 0, count = has.sum().clamp_min(1);
    const at::Tensor cosines = unit_rows(rows.image).matmul(unit_rows(rows.text).t());
    const at::Tensor nearest = cosines.masked_fill(~has, -2).argmax(1);
    const at::Tensor right = (rows.which.index_select(0, nearest) == rows.which) & has;
    return {{"agreement", cosines.diagonal().masked_fill(~has, 0).sum() / count},
            {"recognised", right.sum() / count},
            {"scale", match_->log_scale.detach().exp()}};
  }

  ClipOptions options_;
  bool sigmoid_;
  c10::Device device_;
  std::shared_ptr<models::TextEncoder> text_;
  std::shared_ptr<torch::nn::LinearImpl> image_projection_, text_projection_;
  std::shared_ptr<Match> match_;
  data::Tokenizer tokenizer_;
  bool words_known_ = false;
};

}  // namespace

extern const MethodEntry clip_entry;
const MethodEntry clip_entry{
    .name = "clip",
    .help = "a picture is found by its report and a report by its picture, among those of the batch",
    .family = "language",
    .year = 2021,
    .needs = "1 view, reports",
    .encoders = "any",
    .cost = 1,
    .choose =
        "archives whose reports came along; large batches. What reports name can be asked for in words: gadolin "
        "zeroshot",
    .loss = "softmax cross-entropy of the partner, both ways, by cosine; or the logistic loss of every pair",
    .formula = "-log exp(cos(v, t) / T) / sum over reports of exp(cos(v, t') / T), and the same of pictures",
    .reference =
        "Radford et al., Learning transferable visual models from natural language supervision, ICML 2021, "
        "arXiv 2103.00020; Zhai et al., Sigmoid loss for language image pre-training, ICCV 2023, 2303.15343",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<ClipOptions, Clip>::defaults};

}  // namespace ssl
