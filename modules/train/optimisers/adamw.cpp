// AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <optional>

#include "train/optimiser.h"
#include "train/update_passes.h"

namespace train {
namespace {

constexpr double kEpsilon = 1e-8;
constexpr const char* kAdamWReads[] = {"beta1", "beta2"};
constexpr UpdateRule::Kept kAdamWKeeps[] = {{"mean"}, {"square"}, {"steps", /*scalar=*/true}};
enum { kMean, kSquare, kSteps };

class AdamW final : public UpdateRule {
 public:
  explicit AdamW(const TrainerSettings& settings)
      : beta1_(settings.beta1), beta2_(settings.beta2), weight_decay_(settings.weight_decay) {}

  std::span<const Kept> kept() const override { return kAdamWKeeps; }

  void apply(std::span<Slot* const> slots, const Update& update, const at::Tensor& gradient_scale) const override {
    const auto [rows, others] = rows_and_others(slots);
    by_rows(rows, update, gradient_scale);
    scale_gradients(others, gradient_scale);
    std::map<std::pair<bool, double>, std::vector<Slot*>> groups;
    for (Slot* const slot : others) groups[{slot->decayed, slot->learning_rate_scale}].push_back(slot);
    for (const auto& [alike, group] : groups) by_torch(group, alike.first, update.learning_rate * alike.second, update);
    move_averages(others, update);
  }

 private:
  void by_rows(std::span<Slot* const> slots, const Update& update, const at::Tensor& gradient_scale) const {
    if (slots.empty()) return;
    const double scale = number_of(gradient_scale, 1);
    for (const Slot* const slot : slots) *slot->kept[kSteps].mutable_data_ptr<float>() += 1;
    each_piece(slots, [&](const Slot& slot, const Row& piece, std::size_t size) {
      const auto steps = static_cast<double>(*slot.kept[kSteps].const_data_ptr<float>());
      const double rate = update.learning_rate * slot.learning_rate_scale;
      const double decay = slot.decayed ? weight_decay_ : 0;
      adamw_row(piece, size,
                {.gradient_scale = static_cast<float>(scale),
                 .beta1_rest = static_cast<float>(1 - beta1_),
                 .beta2 = static_cast<float>(beta2_),
                 .beta2_rest = static_cast<float>(1 - beta2_),
                 .keep = static_cast<float>(1 - rate * decay),
                 .step = static_cast<float>(rate / (1 - std::pow(beta1_, steps))),
                 .root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2_, steps))),
                 .epsilon = static_cast<float>(kEpsilon),
                 .average_share = static_cast<float>(update.average_share)});
    });
  }

  // Alike in decay and learning rate.
  void by_torch(std::span<Slot* const> slots, bool decayed, double learning_rate, const Update& update) const {
    std::vector<at::Tensor> parameters, gradients, means, squares, steps;
    for (const Slot* const slot : slots) {
      parameters.push_back(slot->parameter);
      gradients.push_back(gradient_of(*slot));
      means.push_back(slot->kept[kMean]);
      squares.push_back(slot->kept[kSquare]);
      steps.push_back(slot->kept[kSteps]);
    }
    if (update.skip.defined()) {
      at::_foreach_add_(steps, 1 - update.skip);
    } else {
      at::_foreach_add_(steps, 1);
    }
    at::_fused_adamw_(parameters, gradients, means, squares, {}, steps, learning_rate, beta1_, beta2_,
                      decayed ? weight_decay_ : 0.0, kEpsilon, /*amsgrad=*/false, /*maximize=*/false,
                      /*grad_scale=*/{}, update.skip.defined() ? std::optional(update.skip) : std::nullopt);
  }

  double beta1_, beta2_, weight_decay_;
};

}  // namespace

extern const OptimiserEntry adamw_optimiser;
const OptimiserEntry adamw_optimiser{
    "adamw", "steps of even length for all parameters, weight decay apart (arXiv 1711.05101)", kAdamWReads,
    [](const TrainerSettings& settings) -> std::unique_ptr<UpdateRule> { return std::make_unique<AdamW>(settings); }};

}  // namespace train
