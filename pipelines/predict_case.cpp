#include "pipelines/predict_case.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "core/table.h"
#include "evaluate/sliding_window.h"
#include "prepare/apply.h"
#include "train/precision.h"

namespace pipelines {
namespace {

constexpr std::int64_t kOnDevice = std::int64_t{8} << 30;  // bytes of picture and slab that are kept on a GPU

std::string precision_of(const RunRecord& record) {
  std::string precision = "auto";
  for (const core::Setting& setting : core::settings_from_yaml(record.config, "the checkpoint's settings"))
    if (setting.key == "trainer.precision" && !setting.values.empty()) precision = setting.values.front();
  return precision;
}

at::Tensor voxels_of(const volume::Volume& image) {
  const volume::Shape& shape = image.shape();
  const volume::Volume converted = image.as_float();
  at::Tensor tensor = at::empty({shape.depth, shape.height, shape.width}, at::kFloat);
  std::copy_n(converted.voxels<float>().begin(), converted.voxels<float>().size(), tensor.mutable_data_ptr<float>());
  return tensor;
}

// Labels of a slab into the map.
void put_slab_labels(const at::Tensor& probabilities, std::int64_t first, volume::Volume& map) {
  const at::Tensor labels = at::argmax(probabilities, 0).to(at::kCPU).contiguous();
  const std::int64_t* from = labels.const_data_ptr<std::int64_t>();
  const std::int64_t begin = first * map.shape().height * map.shape().width;
  volume::with_type(map.type(), [&]<class T>(T) {
    auto to = map.voxels<T>().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(labels.numel()));
    std::transform(from, from + labels.numel(), to.begin(), [](std::int64_t label) { return static_cast<T>(label); });
  });
}

void put_probabilities(const at::Tensor& slab, std::int64_t first, const volume::Shape& shape,
                       std::vector<std::uint8_t>& to) {
  const at::Tensor rounded = (slab.clamp(0, 1) * 255).round().to(at::kByte).to(at::kCPU).contiguous();
  const std::int64_t slice = shape.height * shape.width, part = rounded.size(1) * slice;
  for (std::int64_t k = 0; k < rounded.size(0); ++k)
    std::copy_n(rounded.const_data_ptr<std::uint8_t>() + k * part, part,
                to.data() + k * shape.voxels() + first * slice);
}

}  // namespace

std::string PredictOptions::text() const {
  std::string axes;
  for (const std::int64_t axis : mirror) axes += " " + std::to_string(axis);
  return "overlap " + core::shortest(overlap) + (axes.empty() ? "" : ", mirrored" + axes) + ", " + precision;
}

CasePredictor::CasePredictor(RestoredTask restored, const std::string& source_plan, PredictOptions options)
    : restored_(std::move(restored)), options_(std::move(options)) {
  const std::string& own = restored_.record.plan;
  prepare_ = source_plan.empty() && !own.empty();
  if (!own.empty()) plan_ = prepare::plan_from_yaml(own, "the checkpoint's plan");
  if (!source_plan.empty() && (own.empty() || !(prepare::plan_from_yaml(source_plan, "the store's plan") == plan_))) {
    throw core::usage_error("the store was prepared by another plan than the network's",
                            "give the raw store or the images: they are prepared with the plan in the checkpoint");
  }
  std::sort(options_.mirror.begin(), options_.mirror.end());
  const c10::Device device = restored_.task->device();
  if (options_.batch <= 0) options_.batch = device.is_cpu() ? 1 : 4;
  const std::string asked = options_.precision.empty() ? precision_of(record()) : options_.precision;
  options_.precision = train::resolved_precision(asked, device);
}

volume::Case CasePredictor::prepared(volume::Case given) const {
  given.label_map.reset();
  return prepare_ ? prepare::apply(plan_, std::move(given)) : std::move(given);
}

at::Tensor CasePredictor::image_of(const volume::Case& prepared) const {
  const std::vector<std::string>& wanted = record().channels;
  const volume::Shape shape = prepared.reference().shape();
  std::vector<at::Tensor> planes;
  for (const std::string& name : wanted) {
    const auto found = std::find_if(prepared.channels.begin(), prepared.channels.end(), [&](const volume::Channel& c) {
      return c.name == name || (wanted.size() == 1 && prepared.channels.size() == 1);
    });
    if (found == prepared.channels.end() && !prepare_) {
      throw core::Error("it has no channel " + name + ", which the network was trained on",
                        "name the channels as in training (column image:NAME of a table)");
    }
    const bool there = found != prepared.channels.end() && found->image.has_value();
    planes.push_back(there ? voxels_of(*found->image) : at::zeros({shape.depth, shape.height, shape.width}));
  }
  return placed(at::stack(planes));
}

// Beside the network where picture and slab fit there, so that windows need not travel.
at::Tensor CasePredictor::placed(at::Tensor image) const {
  const c10::Device& device = restored_.task->device();
  const std::int64_t slice = image.size(2) * image.size(3);
  const std::int64_t slab = (outputs() + 1) * restored_.task->input().patch[0] * slice;
  return !device.is_cpu() && (image.numel() + slab) * 4 <= kOnDevice ? image.to(device) : image;
}

evaluate::SlidingOptions CasePredictor::sliding() const {
  evaluate::SlidingOptions options;
  options.overlap = options_.overlap;
  for (const std::int64_t axis : options_.mirror) options.mirror.at(static_cast<std::size_t>(axis)) = true;
  options.batch = options_.batch;
  options.device = restored_.task->device();
  return options;
}

volume::Volume CasePredictor::segment(const volume::Case& prepared, std::vector<std::uint8_t>* probabilities) {
  GADOLIN_CHECK(dense());
  const volume::Volume& reference = prepared.reference();
  const volume::Shape shape = reference.shape();
  const auto type = outputs() <= 256 ? volume::VoxelType::kUInt8 : volume::VoxelType::kUInt16;
  volume::Volume map(shape, type, reference.geometry);
  if (probabilities != nullptr) probabilities->assign(static_cast<std::size_t>(outputs() * shape.voxels()), 0);
  const train::Autocast autocast(restored_.task->device(), options_.precision);
  const auto predict = [&](const at::Tensor& windows) { return restored_.task->predict(windows); };
  evaluate::sliding_window_slabs(image_of(prepared), restored_.task->input().patch, outputs(), predict, sliding(),
                                 [&](std::int64_t first, const at::Tensor& slab) {
                                   put_slab_labels(slab, first, map);
                                   if (probabilities != nullptr) put_probabilities(slab, first, shape, *probabilities);
                                 });
  return map;
}

std::vector<double> CasePredictor::classify(const volume::Case& prepared) {
  GADOLIN_CHECK(!dense());
  const train::Autocast autocast(restored_.task->device(), options_.precision);
  const at::Tensor mean =
      predict_case(*restored_.task, image_of(prepared), sliding()).to(at::kCPU, at::kDouble).contiguous();
  const double* first = mean.const_data_ptr<double>();
  return {first, first + mean.numel()};
}

}  // namespace pipelines
