#pragma once
// What the rules share: going through the numbers of many parameters at once. On the CPU float32 goes as rows
// (update_rows.h), cut in pieces over torch's threads, with the same bits whatever their number; everything else by
// torch's own operations on lists of tensors.

#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "train/optimiser.h"
#include "train/update_rows.h"

namespace train {

// Those that can go as rows (float32 on the CPU, dense, everything laid out like the parameter), and the rest.
std::pair<std::vector<Slot*>, std::vector<Slot*>> rows_and_others(std::span<Slot* const> slots);

// In the parameter's layout, which autograd's gradients have, and which flat passes over memory count on.
at::Tensor gradient_of(const Slot& slot);

// body(slot, piece of its row, numbers in it) for all pieces of slots that go as rows.
void each_piece(std::span<Slot* const> slots,
                const std::function<void(const Slot& slot, const Row& piece, std::size_t size)>& body);

// The norm of all of them together, a scalar on their device. At least one.
at::Tensor norm_of(std::span<const at::Tensor> tensors);

// The number that a scalar on the CPU is; undefined: `otherwise`.
double number_of(const at::Tensor& scalar, double otherwise);

// By torch: gradients times the scale (undefined: 1), in place.
void scale_gradients(std::span<Slot* const> slots, const at::Tensor& gradient_scale);
// By torch: averages of slots that have one.
void move_averages(std::span<Slot* const> slots, const Update& update);

}  // namespace train
