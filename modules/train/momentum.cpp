#include "train/momentum.h"

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "train/update_passes.h"

namespace train {
namespace {

// Where skip is 1 the momentum stays, nothing is added to it, and the rate is 0.
void move_by_torch(const MomentumMove& move, double memory, bool ahead, const at::Tensor& skip) {
  const at::Tensor parameter = move.slot->parameter.detach(), momentum = move.slot->kept[0];
  at::Tensor d = move.slot->parameter.grad();
  if (skip.defined()) d = d.masked_fill(skip.to(at::kBool), 0);
  d = d.add(parameter, move.decay).mul_(move.pull);
  if (move.trust.defined()) d.mul_(move.trust);
  if (skip.defined()) {
    const at::Tensor counts = 1 - skip;
    d.mul_(counts);
    momentum.mul_(skip + counts * memory).add_(d);
    parameter.sub_((ahead ? d.add(momentum, memory) : momentum) * counts, move.rate);
  } else {
    momentum.mul_(memory).add_(d);
    parameter.sub_(ahead ? d.add(momentum, memory) : momentum, move.rate);
  }
}

}  // namespace

void move_by_momentum(std::span<const MomentumMove> moves, double memory, bool ahead, const Update& update,
                      const at::Tensor& gradient_scale) {
  std::map<const Slot*, const MomentumMove*> move_of;
  std::vector<Slot*> slots;
  for (const MomentumMove& move : moves) {
    move_of[move.slot] = &move;
    slots.push_back(move.slot);
  }
  const auto [rows, others] = rows_and_others(slots);
  scale_gradients(others, gradient_scale);
  for (Slot* const slot : others) move_by_torch(*move_of[slot], memory, ahead, update.skip);
  move_averages(others, update);
  if (rows.empty()) return;
  const double scale = number_of(gradient_scale, 1);
  std::map<const Slot*, MomentumNumbers> numbers;
  for (const Slot* const slot : rows) {
    const MomentumMove& move = *move_of[slot];
    numbers[slot] = {.gradient_scale = static_cast<float>(scale),
                     .decay = static_cast<float>(move.decay),
                     .pull = static_cast<float>(move.pull * number_of(move.trust, 1)),
                     .momentum = static_cast<float>(memory),
                     .rate = static_cast<float>(move.rate),
                     .ahead = ahead,
                     .average_share = static_cast<float>(update.average_share)};
  }
  each_piece(rows, [&](const Slot& slot, const Row& piece, std::size_t size) {
    momentum_row(piece, size, numbers.at(&slot));
  });
}

}  // namespace train
