// Gradient descent with momentum: Polyak, 1964, or looking ahead: Nesterov, 1983, as in Sutskever et al., "On the
// importance of initialization and momentum", ICML 2013. Weight decay is a part of the gradient.
#include "train/momentum.h"
#include "train/optimiser.h"

namespace train {
namespace {

constexpr const char* kSgdReads[] = {"momentum", "nesterov"};
constexpr UpdateRule::Kept kSgdKeeps[] = {{"momentum"}};

class Sgd final : public UpdateRule {
 public:
  explicit Sgd(const TrainerSettings& settings)
      : momentum_(settings.momentum), weight_decay_(settings.weight_decay), nesterov_(settings.nesterov) {}

  std::span<const Kept> kept() const override { return kSgdKeeps; }

  void apply(std::span<Slot* const> slots, const Update& update, const at::Tensor& gradient_scale) const override {
    std::vector<MomentumMove> moves;
    for (Slot* const slot : slots) {
      moves.push_back({.slot = slot,
                       .decay = slot->decayed ? weight_decay_ : 0,
                       .rate = update.learning_rate * slot->learning_rate_scale});
    }
    move_by_momentum(moves, momentum_, nesterov_, update, gradient_scale);
  }

 private:
  double momentum_, weight_decay_;
  bool nesterov_;
};

}  // namespace

extern const OptimiserEntry sgd_optimiser;
const OptimiserEntry sgd_optimiser{
    "sgd", "gradient descent with momentum", kSgdReads,
    [](const TrainerSettings& settings) -> std::unique_ptr<UpdateRule> { return std::make_unique<Sgd>(settings); }};

}  // namespace train
