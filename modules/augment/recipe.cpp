#include "augment/recipe.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

bool empty(const volume::Shape& shape) { return shape.depth < 1 || shape.height < 1 || shape.width < 1; }

std::string text(const volume::Shape& shape) {
  return std::to_string(shape.depth) + "x" + std::to_string(shape.height) + "x" + std::to_string(shape.width);
}

bool holds(const volume::VoxelBox& box, const volume::VoxelBox& part) {
  for (int a = 0; a < 3; ++a) {
    if (part.begin[a] < box.begin[a] || part.begin[a] + part.shape[a] > box.begin[a] + box.shape[a]) return false;
  }
  return true;
}

void require_source(const Drawing& drawing, const Source& source) {
  if (drawing.of_case != source.case_shape) {
    throw core::Error("the view was drawn for a case of " + text(drawing.of_case) + " voxels, this one has " +
                          text(source.case_shape),
                      "the log line belongs to another case");
  }
  const volume::Shape& shape = source.box.shape;
  const auto fits = [&](const volume::Volume* volume) { return volume == nullptr || volume->shape() == shape; };
  if (source.channels.empty() || !std::ranges::all_of(source.channels, fits) || !fits(source.labels)) {
    throw core::Error("a view is made of channels and labels of the shape of their box, " + text(shape));
  }
  if (!holds({{0, 0, 0}, source.case_shape}, source.box) || !holds(source.box, drawing.box())) {
    throw core::Error("the box of the case that was read does not hold what the view needs");
  }
}

// What lies outside of the case is 0 whatever the ops made of it, as it is where a case is padded for prediction.
void clear_outside(const Patch& patch) {
  if (all_valid(patch.valid)) return;
  for (const Block<float>& block : {patch.image, patch.kept}) {
    for (std::int64_t c = 0; c < block.channels; ++c) clear(block.channel(c), patch.valid);
  }
}

template <class T>
std::span<T> span_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

volume::Shape shape_from(const std::vector<double>& values, std::size_t at) {
  constexpr double kMost = 1 << 20;
  for (std::size_t i = at; i < at + 3; ++i) {
    if (!(values[i] >= 1 && values[i] <= kMost) || values[i] != std::floor(values[i])) {
      throw core::Error("augmentation log line: a view's shape is three whole numbers of at least 1");
    }
  }
  const auto side = [&values](std::size_t i) { return static_cast<std::int64_t>(values[i]); };
  return {side(at), side(at + 1), side(at + 2)};
}

}  // namespace

volume::VoxelBox Drawing::box() const {
  GADOLIN_CHECK(!ops.empty());
  return op_named(ops[0].op).reach(ops[0], patch, of_case);
}

std::string Drawing::line() const {
  Drawn head{"view", {}};
  for (int a = 0; a < 3; ++a) head.values.push_back(static_cast<double>(patch[a]));
  for (int a = 0; a < 3; ++a) head.values.push_back(static_cast<double>(of_case[a]));
  std::vector<Drawn> all{head};
  all.insert(all.end(), ops.begin(), ops.end());
  return to_line(all);
}

Drawing parse(std::string_view line) {
  std::vector<Drawn> all = from_line(line);
  if (all.size() < 2 || all[0].op != "view") {
    throw core::Error("an augmentation log line begins with the view and how it is picked",
                      "view 64 64 64 128 120 96 | crop 16 0 3 | mirror 0 0 1");
  }
  all[0].require(6);
  Drawing drawing{shape_from(all[0].values, 0), shape_from(all[0].values, 3), {all.begin() + 1, all.end()}};
  for (std::size_t i = 0; i < drawing.ops.size(); ++i) {
    const Drawn& drawn = drawing.ops[i];
    if (op_named(drawn.op).picks() != (i == 0) || (i == 0 && drawn.skipped())) {
      throw core::Error("augmentation log line: exactly the first op picks the view, " + drawn.op + " stands wrong");
    }
  }
  return drawing;
}

View apply(const Drawing& drawing, const Source& source) {
  require_source(drawing, source);
  const volume::Shape& shape = drawing.patch;
  const auto channels = static_cast<std::int64_t>(source.channels.size());
  View view;
  view.image = at::empty({channels, shape.depth, shape.height, shape.width}, at::kFloat);
  view.valid = at::empty({shape.depth, shape.height, shape.width}, at::kByte);
  if (source.labels != nullptr) view.labels = at::empty({shape.depth, shape.height, shape.width}, at::kLong);
  const auto any = [&](auto&& does, bool skipped_only = false) {
    return std::ranges::any_of(drawing.ops, [&](const Drawn& drawn) {
      return (drawn.skipped() || !skipped_only) && does(op_named(drawn.op));
    });
  };
  if (any([](const Op& op) { return op.keeps(); })) view.kept = at::zeros(view.image.sizes(), at::kFloat);
  if (any([](const Op& op) { return op.hides(); }))
    view.hidden = at::zeros({shape.depth, shape.height, shape.width}, at::kByte);

  Patch patch{{view.image.data_ptr<float>(), channels, shape},
              span_of<std::int64_t>(view.labels),
              span_of<std::uint8_t>(view.valid),
              span_of<std::uint8_t>(view.hidden),
              {}};
  if (view.kept.defined()) patch.kept = {view.kept.data_ptr<float>(), channels, shape};
  for (std::size_t i = 0; i < drawing.ops.size(); ++i) {
    const Drawn& drawn = drawing.ops[i];
    if (drawn.skipped()) continue;
    const Op& op = op_named(drawn.op);
    view.voxel_to_case = view.voxel_to_case.after(op.transform(drawn, shape));
    if (i == 0) {
      op.pick(drawn, source, patch);
    } else {
      op.change(drawn, patch);
    }
  }
  clear_outside(patch);
  // Nothing was damaged where keeping was not drawn.
  if (any([](const Op& op) { return op.keeps(); }, true)) view.kept.copy_(view.image);
  return view;
}

Recipe::Recipe(const volume::Shape& patch, std::vector<OpPointer> ops) : patch_(patch), ops_(std::move(ops)) {
  if (empty(patch_)) throw core::usage_error("a view of " + text(patch_) + " voxels is empty");
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    if (ops_[i]->picks() == (i == 0)) continue;
    throw core::usage_error("a recipe begins with the one op that picks the view (crop or warp); " +
                            std::string(ops_[i]->name()) + " stands at place " + std::to_string(i + 1));
  }
  if (ops_.empty()) throw core::usage_error("a recipe needs an op that picks the view: crop or warp");
}

Drawing Recipe::draw(const volume::Frame& frame, std::uint64_t seed, std::uint64_t sample, std::uint32_t view) const {
  if (empty(frame.shape) || frame.channels < 1) {
    throw core::Error("a view cannot be drawn from a case of " + text(frame.shape) + " voxels");
  }
  for (const double spacing : frame.spacing_mm) {
    if (!(spacing > 0)) throw core::Error("a view cannot be drawn from a case whose spacing is not positive");
  }
  GADOLIN_CHECK(view < 65535);
  Drawing drawing{patch_, frame.shape, {}};
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    drawing.ops.push_back(ops_[i]->draw({seed, sample, view, static_cast<std::uint32_t>(i)}, frame, patch_));
  }
  return drawing;
}

}  // namespace augment
