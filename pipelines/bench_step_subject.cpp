#include "pipelines/bench_step_subject.h"

#include <ATen/ATen.h>

#include <boost/json.hpp>
#include <cmath>

#include "core/error.h"
#include "models/conv_encoder.h"
#include "models/plain_vit.h"
#include "runtime/archive.h"

namespace pipelines {
namespace {

constexpr std::int64_t kPictures = 2, kToken = 8;
constexpr double kHidden = 0.75;

// As many blocks of a token's size in each picture.
at::Tensor hidden_voxels(std::int64_t edge) {
  const std::int64_t side = edge / kToken, blocks = side * side * side;
  const at::Tensor rank = at::rand({kPictures, blocks}).argsort(1, false).argsort(1, false);
  at::Tensor hidden = (rank < std::llround(kHidden * static_cast<double>(blocks))).to(at::kByte);
  hidden = hidden.view({kPictures, side, side, side});
  for (std::int64_t axis = 1; axis < 4; ++axis) hidden = hidden.repeat_interleave(kToken, axis);
  return hidden;
}

template <class Extents>
boost::json::array numbers(const Extents& values) {
  boost::json::array all;
  for (const auto value : values) all.emplace_back(value);
  return all;
}

boost::json::object plan_of(const models::ConvPlan& plan) {
  boost::json::array kernels, strides;
  for (const models::Stage& stage : plan.stages) {
    kernels.push_back(numbers(stage.kernel));
    strides.push_back(numbers(stage.stride));
  }
  return {{"kind", "resenc"},
          {"channels", numbers(plan.channels)},
          {"blocks", numbers(plan.blocks)},
          {"kernels", kernels},
          {"strides", strides}};
}

// The defaults of `vit` and of `mae`.
boost::json::object plan_of(const models::Vit& vit, const models::Extent& grid) {
  const models::VitSettings settings;
  const std::int64_t tokens = grid[0] * grid[1] * grid[2];
  return {{"kind", "vit"},           {"patch", numbers(vit.patch())},
          {"grid", numbers(grid)},   {"visible", tokens - std::llround(kHidden * static_cast<double>(tokens))},
          {"width", settings.width}, {"depth", settings.depth},
          {"heads", settings.heads}, {"filler_width", 128},
          {"filler_depth", 2},       {"filler_heads", 4}};
}

}  // namespace

// Gives the same batch for ever.
StepSubject::StepSubject(const std::string& encoder, std::int64_t edge, const std::string& precision) {
  GADOLIN_CHECK(edge % kToken == 0);
  at::manual_seed(1);
  input_.patch = {edge, edge, edge};
  encoder_ = models::encoder_named(encoder).settings()->make(input_);
  method_ = ssl::method_named("mae").settings()->make({encoder_, input_});
  method_->set_training(true);
  data::View view;
  view.images = at::randn({kPictures, 1, edge, edge, edge});
  view.hidden = hidden_voxels(edge);
  batch_.views.push_back(view);
  batch_.ids.assign(kPictures, "noise");
  settings_.schedule = "constant";
  settings_.warmup_steps = 0;
  settings_.precision = precision;
  source_ = std::make_unique<OneBatch>(batch_, kPictures);
  comm_ = runtime::alone();
  const c10::Device cpu(c10::kCPU);
  state_ = std::make_unique<train::RunState>(*method_, *source_, settings_, cpu, *comm_);
  step_ = std::make_unique<train::Step>(*method_, *state_, settings_, cpu, *comm_, timings_);
}

StepSubject::~StepSubject() = default;

void StepSubject::write(const std::filesystem::path& path) const {
  runtime::Archive archive;
  for (const auto& [name, tensor] : method_->weights()) archive.tensors[name] = tensor.detach();
  archive.tensors["images"] = batch_.views[0].images;
  archive.tensors["hidden"] = batch_.views[0].hidden.unsqueeze(1);
  boost::json::object plan;
  if (auto* const vit = dynamic_cast<models::Vit*>(encoder_.get())) {
    const models::Extent grid = vit->grid(batch_.views[0].images);
    archive.tensors["positions"] = vit->positions(grid);
    plan = plan_of(*vit, grid);
  } else {
    plan = plan_of(dynamic_cast<models::ConvEncoder&>(*encoder_).plan());
  }
  archive.facts["plan"] = boost::json::serialize(plan);
  runtime::write_archive(path, archive);
}

double StepSubject::step() {
  const train::Step::Outcome outcome = step_->run(batch_, {});
  if (!outcome.fault.empty()) throw core::Error("bench step: " + outcome.fault);
  return outcome.seen.at("loss").item<double>();
}

}  // namespace pipelines
