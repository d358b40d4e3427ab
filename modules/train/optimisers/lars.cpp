// LARS: You et al., "Large batch training of convolutional networks", 2017: each layer's update has a length in
// proportion to its weights'. Biases, norms and what else is spared from decay are moved as by sgd, as in Chen et al.,
// "SimCLR", ICML 2020.
#include <ATen/ATen.h>

#include "train/momentum.h"
#include "train/optimiser.h"
#include "train/update_passes.h"

namespace train {
namespace {

constexpr const char* kLarsReads[] = {"momentum", "trust"};
constexpr UpdateRule::Kept kLarsKeeps[] = {{"momentum"}};

class Lars final : public UpdateRule {
 public:
  explicit Lars(const TrainerSettings& settings)
      : momentum_(settings.momentum), weight_decay_(settings.weight_decay), trust_(settings.trust) {}

  std::span<const Kept> kept() const override { return kLarsKeeps; }

  void apply(std::span<Slot* const> slots, const Update& update, const at::Tensor& gradient_scale) const override {
    std::vector<MomentumMove> moves;
    for (Slot* const slot : slots) {
      MomentumMove move{.slot = slot, .pull = update.learning_rate * slot->learning_rate_scale};
      if (slot->decayed) {
        move.decay = weight_decay_;
        move.trust = trust_in(*slot, gradient_scale);
      }
      moves.push_back(move);
    }
    move_by_momentum(moves, momentum_, /*ahead=*/false, update, gradient_scale);
  }

 private:
  // trust |w| / (|g| + decay |w|); 1 where either is 0, so that weights which begin at 0 get away from it.
  at::Tensor trust_in(const Slot& slot, const at::Tensor& gradient_scale) const {
    const at::Tensor weights = norm_of({{slot.parameter.detach()}});
    at::Tensor gradient = norm_of({{slot.parameter.grad()}});
    if (gradient_scale.defined()) gradient = gradient * gradient_scale;
    const at::Tensor ratio = weights * trust_ / (gradient + weights * weight_decay_);
    return at::where((weights > 0).logical_and_(gradient > 0), ratio, at::ones_like(ratio));
  }

  double momentum_, weight_decay_, trust_;
};

}  // namespace

extern const OptimiserEntry lars_optimiser;
const OptimiserEntry lars_optimiser{
    "lars", "momentum, each layer's update as long as its weights say (arXiv 1708.03888)", kLarsReads,
    [](const TrainerSettings& settings) -> std::unique_ptr<UpdateRule> { return std::make_unique<Lars>(settings); }};

}  // namespace train
