#pragma once
// A method on a tiny encoder, and batches made by its own recipes: what every test of this module begins with.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/utils.h>

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "../augment/tensor_source.h"
#include "core/rng.h"
#include "data/dataset.h"
#include "ssl/method.h"
#include "train/optimiser.h"

namespace made {

inline constexpr models::Extent kPatch{16, 16, 16};
inline const models::Input kInput{1, kPatch, {1, 1, 1}};

// Methods that cut the patch into tiles need a larger one. Their tiles shall have coarsest features of 3 voxels along
// each axis, see below.
inline models::Extent patch_of(const std::string& method) {
  if (method == "jigsaw" || method == "relative_position") return {28, 28, 28};
  return method == "rubik" || method == "cpc" ? models::Extent{24, 24, 24} : kPatch;
}

inline std::vector<core::Setting> settings_of(const std::vector<std::string>& arguments) {
  std::vector<core::Setting> settings;
  for (const std::string& argument : arguments) settings.push_back(core::setting_from_argument(argument));
  return settings;
}

// Small enough that a step takes milliseconds.
inline std::shared_ptr<models::Encoder> encoder(const std::string& name, const models::Input& input) {
  static const std::map<std::string, std::vector<std::string>> kTiny{
      {"resenc", {"base=4"}},
      {"resnet", {"base=4"}},
      {"vit", {"patch=[4, 4, 4]", "width=24", "depth=2", "heads=2"}},
      {"primus", {"patch=[4, 4, 4]", "width=24", "depth=2", "heads=2"}},
      {"swin_unetr", {"base=8", "depths=[2]", "heads=[2]", "window=[4, 4, 4]"}},
      {"mednext", {"base=4", "blocks=[1, 1, 1]", "expansion=[2, 2, 2]"}},
  };
  const auto settings = models::encoder_named(name).settings();
  const auto tiny = kTiny.find(name);
  if (tiny != kTiny.end()) core::configure(settings->slots(), settings_of(tiny->second));
  return settings->make(input);
}

inline constexpr std::int64_t kCases = 128;  // of the store that the batches would come from

// Two small views, not eight.
inline std::vector<std::string> with_few_small_views(const std::vector<core::Slot>& slots,
                                                     const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  for (const core::Slot& slot : slots) {
    if (slot.key == "views.small_patch") all = {"views.small_patch=[12]", "views.crops.small=2"};
  }
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

using MakeEncoder = std::function<std::shared_ptr<models::Encoder>()>;
inline std::unique_ptr<ssl::Method> method(const std::string& name, const MakeEncoder& make, const models::Input& input,
                                           const std::vector<std::string>& arguments = {}) {
  // Heads that would be larger than the encoder.
  static const std::map<std::string, std::vector<std::string>> kTiny{
      {"voco", {"hidden_size=64", "projection_size=32"}},
      {"vae", {"code_size=32", "generator_base=8"}},
      {"context_encoder", {"critic_base=8"}},
      {"gvsl", {"radius=2", "dense_features=8"}},
      {"bigan", {"code_size=16", "generator_base=8", "critic_base=8"}},
      {"clip",
       {"projection_size=32", "text.vocabulary=400", "text.context=32", "text.width=24", "text.depth=1",
        "text.heads=2"}},
      {"parcellation",
       {"atlas.grid=8", "atlas.parcels=4", "atlas.candidates=4", "atlas.registration.control_points=3",
        "atlas.registration.iterations=1"}},
      {"cpc", {"latent_size=32", "context_size=32", "overlap=0.25"}},
  };
  const auto settings = ssl::method_named(name).settings();
  if (const auto tiny = kTiny.find(name); tiny != kTiny.end())
    core::configure(settings->slots(), settings_of(tiny->second));
  core::configure(settings->slots(), settings_of(with_few_small_views(settings->slots(), arguments)));
  return settings->make({make(), input, c10::Device(c10::kCPU), make, kCases});
}

inline std::unique_ptr<ssl::Method> method(const std::string& name, const std::string& encoder_name,
                                           std::uint64_t seed = 1, const std::vector<std::string>& arguments = {}) {
  at::set_num_threads(1);
  torch::manual_seed(seed);
  const models::Input input{1, patch_of(name), {1, 1, 1}};
  return method(
      name, [&] { return encoder(encoder_name, input); }, input, arguments);
}

// A bright ball in a smooth ground, elsewhere and otherwise in each: [1, 24, 24, 24].
inline at::Tensor picture(std::uint64_t number) {
  core::Rng rng({number, 0, 0, 0});
  at::Tensor image = at::empty({1, 24, 24, 24});
  std::array<double, 3> centre{}, wave{};
  for (std::size_t a = 0; a < 3; ++a) {
    centre[a] = rng.uniform(8, 16);
    wave[a] = rng.uniform(0.1, 0.5);
  }
  const double radius = rng.uniform(3, 7), bright = rng.uniform(1, 3);
  float* voxel = image.data_ptr<float>();
  for (int d = 0; d < 24; ++d) {
    for (int h = 0; h < 24; ++h) {
      for (int w = 0; w < 24; ++w) {
        const double far = std::hypot(d - centre[0], h - centre[1], w - centre[2]);
        *voxel++ = static_cast<float>((far < radius ? bright : -0.5) + 0.3 * std::sin(wave[0] * d + wave[1] * h) +
                                      0.2 * std::cos(wave[2] * w) + 0.05 * rng.normal());
      }
    }
  }
  return image;
}

// Of that picture, in two wordings; no two are the same.
inline std::string report(std::uint64_t number) {
  core::Rng rng({number, 0, 0, 0});
  std::array<double, 3> centre{};
  for (double& each : centre) {
    each = rng.uniform(8, 16);
    rng.uniform();
  }
  const double radius = rng.uniform(3, 7), bright = rng.uniform(1, 3);
  const std::string words = number % 2 == 0 ? "Ball of radius " : "A ball is seen, radius ";
  return words + std::to_string(std::lround(10 * radius)) + " mm, " + (bright > 2 ? "bright" : "faint") + ", depth " +
         std::to_string(std::lround(centre[0])) + ". Case " + std::to_string(number) + ".";
}

inline constexpr std::uint64_t kPartner = 1000000;  // from a picture's number to that of the sample's second case

// A step of a phase without a gradient, and a number that it watches.
inline train::StepResult looked(ssl::Method& method, const data::Batch& batch, const train::Moment& moment = {},
                                std::size_t phase = 0) {
  const at::NoGradGuard no_gradient;
  return method.step(phase, batch, moment);
}
inline double watched(ssl::Method& method, const data::Batch& batch, const std::string& name) {
  return looked(method, batch).watch.at(name).item<double>();
}

inline std::set<std::string> names_of(const train::Phase& phase) {
  std::set<std::string> names;
  for (const train::Parameter& each : phase.parameters) names.insert(each.name);
  return names;
}

// [N, 1, D, H, W]: 1 where voxels of the first view are hidden.
inline at::Tensor hidden_of(const data::Batch& batch) { return batch.views[0].hidden.unsqueeze(1).to(at::kFloat); }

// Samples `first` .. of pictures of these numbers, by the method's recipes.
inline data::Batch batch(const ssl::Method& method, std::int64_t size, std::uint64_t first = 0,
                         const std::function<at::Tensor(std::uint64_t)>& draw = picture) {
  std::vector<data::Sample> samples;
  for (std::uint64_t number = first; number < first + static_cast<std::uint64_t>(size); ++number) {
    const at::Tensor image = draw(number);
    const volume::Shape shape{image.size(1), image.size(2), image.size(3)};
    volume::Frame frame;
    frame.shape = shape;
    data::Sample sample;
    std::uint32_t view = 0;
    const std::vector<bool> of_partner = method.of_partner();
    for (const augment::Recipe& recipe : method.views()) {
      const bool partner = view < of_partner.size() && of_partner[view];
      const augment::Drawing drawing = recipe.draw(frame, 5, number, view++);
      augment::View made = augment::apply(
          drawing, TensorSource(partner ? draw(number + kPartner) : image, {}, {{0, 0, 0}, shape}, shape).source());
      sample.views.push_back({made.image, made.labels, made.valid, made.hidden, made.kept, made.voxel_to_case});
      sample.view_case.push_back(static_cast<std::int64_t>(partner ? number + kPartner : number));
      sample.view_case_shape.push_back(shape);
    }
    sample.number = number;
    sample.case_index = static_cast<std::int64_t>(number);
    sample.channels_present = {1};
    sample.id = "case" + std::to_string(number);
    sample.report = report(number);
    samples.push_back(std::move(sample));
  }
  return data::collate(std::move(samples));
}

// The samples of `whole` in batches of two, once: what before_epoch is handed.
class Pass final : public data::BatchSource {
 public:
  explicit Pass(const data::Batch& whole) : whole_(whole) {}
  data::Batch next() override {
    const std::int64_t size = std::min<std::int64_t>(2, whole_.size() - at_);
    at_ += size;
    return whole_.part(at_ - size, size);
  }
  std::uint64_t position() const override { return static_cast<std::uint64_t>(at_); }
  void seek(std::uint64_t position) override { at_ = static_cast<std::int64_t>(position); }
  std::int64_t epoch_size() const override { return whole_.size(); }
  std::unique_ptr<data::BatchSource> pass() const override { return std::make_unique<Pass>(whole_); }

 private:
  const data::Batch& whole_;
  std::int64_t at_ = 0;
};

// As data::whole_case makes of these pictures, which have twice as many voxels along each axis or more.
inline data::Batch whole_cases(const volume::Shape& extent, std::int64_t cases,
                               const std::function<at::Tensor(std::uint64_t)>& draw = picture) {
  std::vector<data::Sample> samples;
  for (std::int64_t number = 0; number < cases; ++number) {
    const at::Tensor image = draw(static_cast<std::uint64_t>(number));
    data::Sample sample;
    sample.views.emplace_back();
    sample.views[0].image = at::adaptive_avg_pool3d(image, {extent.depth, extent.height, extent.width});
    sample.view_case = {number};
    sample.view_case_shape = {{image.size(1), image.size(2), image.size(3)}};
    sample.number = static_cast<std::uint64_t>(number);
    sample.case_index = number;
    sample.channels_present = {1};
    sample.id = "case" + std::to_string(number);
    samples.push_back(std::move(sample));
  }
  return data::collate(std::move(samples));
}

// The first epoch begins, over cases 0 .. `cases` - 1; nothing where the method does not ask for it.
inline void begin_epoch(ssl::Method& method, std::int64_t cases = 24) {
  if (!method.wants_pass()) return;
  const auto extent = method.whole_cases();
  const data::Batch all = extent ? whole_cases(*extent, cases) : batch(method, cases);
  Pass pass(all);
  method.before_epoch(pass, {});
}

// One tensor of the state beside the weights.
inline at::Tensor state(const ssl::Method& method, const std::string& name) {
  runtime::Archive archive;
  method.save(archive);
  return archive.tensors.at(name).clone();
}

inline double loss(ssl::Method& method, const data::Batch& batch) {
  const at::NoGradGuard no_gradient;
  return method.step(0, batch, {}).loss.item<double>();
}

// Steps of AdamW on one batch; what was watched as `name` at each.
inline std::vector<double> train(ssl::Method& method, const data::Batch& batch, int steps,
                                 const std::string& name = "loss", double learning_rate = 3e-3) {
  std::vector<double> seen;
  std::vector<train::Optimiser> optimisers;
  for (const train::Phase& phase : method.phases()) optimisers.emplace_back(phase, train::TrainerSettings{});
  method.set_training(true);
  for (int step = 0; step < steps; ++step) {
    const train::Moment moment{step, steps, 0};
    for (std::size_t phase = 0; phase < optimisers.size(); ++phase) {
      optimisers[phase].clear_gradients();
      const train::StepResult result = method.step(phase, batch, moment);
      result.loss.backward();
      optimisers[phase].update({.learning_rate = learning_rate});
      if (name == "loss" && phase == 0) seen.push_back(result.loss.item<double>());
      if (const auto watched = result.watch.find(name); watched != result.watch.end())
        seen.push_back(watched->second.item<double>());
    }
    method.after_update(moment);
  }
  return seen;
}

}  // namespace made
