#include "models/primus.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "models/extent.h"
#include "models/size.h"

namespace models {
namespace {

constexpr double kVarianceFloor = 1e-5;
constexpr double kSlopeOfInit = 0.01;
constexpr double kRegisterDeviation = 1e-6;

struct PrimusSize {
  std::string_view name;
  std::int64_t width, depth, heads;
};
constexpr std::array<PrimusSize, 4> kPrimusSizes{
    {{"S", 396, 12, 6}, {"B", 792, 12, 12}, {"M", 864, 16, 12}, {"L", 1056, 24, 16}}};

struct TurningAttention : torch::nn::Module {
  TurningAttention(std::int64_t width, std::int64_t given_heads) : heads(given_heads) {
    q_proj = register_module("q_proj", std::make_shared<Linear>(width, width));
    k_proj = register_module("k_proj", std::make_shared<Linear>(width, width, /*with_bias=*/false));
    v_proj = register_module("v_proj", std::make_shared<Linear>(width, width));
    norm = register_module("norm", std::make_shared<LayerNorm>(width, kVarianceFloor));
    proj = register_module("proj", std::make_shared<Linear>(width, width));
  }
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& may_look, const Rotation& rotation) const {
    const auto in_heads = [&](const at::Tensor& all) { return all.unflatten(2, {heads, -1}).transpose(1, 2); };
    const at::Tensor query = turned(in_heads(q_proj->forward(x)), rotation);
    const at::Tensor key = turned(in_heads(k_proj->forward(x)), rotation);
    const at::Tensor mixed =
        at::scaled_dot_product_attention(query, key, in_heads(v_proj->forward(x)), may_look).transpose(1, 2);
    return proj->forward(norm->forward(mixed.flatten(2)));
  }
  std::int64_t heads;
  std::shared_ptr<Linear> q_proj, k_proj, v_proj, proj;
  std::shared_ptr<LayerNorm> norm;
};

// Shazeer, "GLU variants improve transformer", 2020.
struct SwiGlu : torch::nn::Module {
  SwiGlu(std::int64_t width, std::int64_t hidden) {
    fc1_g = register_module("fc1_g", std::make_shared<Linear>(width, hidden));
    fc1_x = register_module("fc1_x", std::make_shared<Linear>(width, hidden));
    norm = register_module("norm", std::make_shared<LayerNorm>(hidden, kVarianceFloor));
    fc2 = register_module("fc2", std::make_shared<Linear>(hidden, width));
  }
  at::Tensor forward(const at::Tensor& x) const {
    return fc2->forward(norm->forward(at::silu(fc1_g->forward(x)) * fc1_x->forward(x)));
  }
  std::shared_ptr<Linear> fc1_g, fc1_x, fc2;
  std::shared_ptr<LayerNorm> norm;
};

struct EvaBlock final : TokenBlock {
  EvaBlock(std::int64_t width, std::int64_t heads, std::int64_t hidden, double layer_scale) {
    gamma_1 = register_parameter("gamma_1", at::full({width}, layer_scale));
    gamma_2 = register_parameter("gamma_2", at::full({width}, layer_scale));
    norm1 = register_module("norm1", std::make_shared<LayerNorm>(width, kVarianceFloor));
    attn = register_module("attn", std::make_shared<TurningAttention>(width, heads));
    norm2 = register_module("norm2", std::make_shared<LayerNorm>(width, kVarianceFloor));
    mlp = register_module("mlp", std::make_shared<SwiGlu>(width, hidden));
  }
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& may_look,
                     const Rotation& rotation) const override {
    const at::Tensor y = x + gamma_1 * attn->forward(norm1->forward(x), may_look, rotation);
    return y + gamma_2 * mlp->forward(norm2->forward(y));
  }
  at::Tensor gamma_1, gamma_2;
  std::shared_ptr<LayerNorm> norm1, norm2;
  std::shared_ptr<TurningAttention> attn;
  std::shared_ptr<SwiGlu> mlp;
};

}  // namespace

Primus::Primus(const PrimusSettings& settings, const Input& input)
    : Vit(token_of(settings.patch, "primus"), settings.width, input, "eva."),
      pairs_(settings.width / settings.heads / 6) {
  const auto down = register_module("down_projection", std::make_shared<torch::nn::Module>());
  const auto convolution = down->register_module("proj", std::make_shared<torch::nn::Module>());
  const double fan_in = static_cast<double>(inputs_ * count_of(patch_)) * (1 + kSlopeOfInit * kSlopeOfInit);
  parts_.patch_weight = convolution->register_parameter(
      "weight", at::randn({width_, inputs_, patch_[0], patch_[1], patch_[2]}) * std::sqrt(2 / fan_in));
  parts_.patch_bias = convolution->register_parameter("bias", at::zeros({width_}));
  const auto eva = register_module("eva", std::make_shared<torch::nn::Module>());
  if (settings.learned_positions) {
    parts_.position_embeddings =
        eva->register_parameter("pos_embed", drawn_for_tokens({1, settings.registers + count_of(grid_), width_}));
  }
  const auto list = eva->register_module("blocks", std::make_shared<torch::nn::Module>());
  const auto hidden = static_cast<std::int64_t>(static_cast<double>(width_) * settings.mlp_ratio);
  for (std::int64_t b = 0; b < settings.depth; ++b) {
    const auto block = list->register_module(
        std::to_string(b), std::make_shared<EvaBlock>(width_, settings.heads, hidden, settings.layer_scale));
    const at::NoGradGuard no_gradient;
    const double depth = std::sqrt(2.0 * static_cast<double>(b + 1));
    block->attn->proj->weight.div_(depth);
    block->mlp->fc2->weight.div_(depth);
    parts_.blocks.push_back(block);
  }
  parts_.norm = eva->register_module("norm", std::make_shared<LayerNorm>(width_, kVarianceFloor));
  if (settings.registers > 0) {
    parts_.registers =
        register_parameter("register_tokens", at::randn({1, settings.registers, width_}) * kRegisterDeviation);
  }
}

at::Tensor Primus::positions(const Extent& grid) const {
  if (parts_.position_embeddings.defined()) return learned_positions(grid);
  return at::zeros({1, count_of(grid), width_}, parts_.patch_weight.options().requires_grad(false));
}

at::Tensor Primus::in_front() const {
  if (!parts_.registers.defined() || !parts_.position_embeddings.defined()) return parts_.registers;
  return parts_.registers + parts_.position_embeddings.slice(1, 0, parts_.registers.size(1));
}

Rotation Primus::rotation(const Places& places, std::int64_t tokens, std::int64_t in_front) const {
  const Extent& grid = places.grid;
  GADOLIN_CHECK(places.of.defined() ? places.of.dim() == 2 && places.of.size(1) == tokens : tokens == count_of(grid));
  const auto whole = parts_.patch_weight.options().dtype(at::kLong).requires_grad(false);
  const at::Tensor of = places.of.defined() ? places.of : at::arange(tokens, whole).unsqueeze(0);
  const at::Tensor along = at::stack({at::div(of, grid[1] * grid[2], "trunc"),
                                      at::div(of, grid[2], "trunc").remainder(grid[1]), of.remainder(grid[2])},
                                     2)
                               .to(at::kDouble);
  const at::Tensor rate =
      at::pow(1e-4, at::arange(pairs_, along.options()) / static_cast<double>(pairs_));  // radians a token
  at::Tensor angle = (along.unsqueeze(3) * rate).flatten(2);
  angle = at::constant_pad_nd(angle, {0, 0, in_front, 0}).unsqueeze(1);
  const auto type = parts_.patch_weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {angle.cos().to(type), angle.sin().to(type)};
}

PrimusSettings PrimusSettings::sized() const {
  if (size.empty()) return *this;
  const PrimusSettings plain;
  const bool untouched = width == plain.width && depth == plain.depth && heads == plain.heads;
  const PrimusSize& chosen = size_named(std::string("primus"), size, std::span<const PrimusSize>(kPrimusSizes),
                                        untouched, "width, depth and heads");
  PrimusSettings made = *this;
  made.size.clear();
  made.width = chosen.width;
  made.depth = chosen.depth;
  made.heads = chosen.heads;
  return made;
}

std::shared_ptr<Encoder> PrimusSettings::make(const Input& input) const {
  const PrimusSettings settings = sized();
  const Extent token = token_of(patch, "primus");
  const bool powers = std::ranges::all_of(token, [](auto side) { return std::has_single_bit(std::uint64_t(side)); });
  if (!powers || count_of(token) == 1) {
    throw core::usage_error("primus: a patch of " + to_text(token) + " voxels, but each side must be a power of 2",
                            "patch: [8, 8, 8] is the paper's");
  }
  if (settings.width % (6 * settings.heads) != 0) {
    throw core::usage_error("primus: width " + std::to_string(settings.width) + " must be a multiple of 6 heads (" +
                                std::to_string(6 * settings.heads) + ")",
                            "each head turns pairs of channels along three axes");
  }
  const auto primus = std::make_shared<Primus>(settings, input);
  primus->check_extent(input.patch);
  return primus;
}

extern const EncoderEntry primus_entry;
const EncoderEntry primus_entry{
    "primus", "transformer with rotary places and gated blocks: for masked modelling, then segmentation",
    [] { return std::unique_ptr<EncoderSettings>(std::make_unique<PrimusSettings>()); }};

}  // namespace models
