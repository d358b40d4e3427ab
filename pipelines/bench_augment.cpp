// Views of a picture, as training makes them, beside torch's own sampling and, with --peers, nnU-Net's chain.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "augment/recipes.h"
#include "core/error.h"
#include "core/files.h"
#include "pipelines/bench.h"
#include "pipelines/bench_augment_gpu.h"
#include "pipelines/bench_npy.h"
#include "pipelines/bench_peers.h"
#include "volume/phantom.h"
#include "volume/quantise.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

// Of one turn; more where chance decides what a view costs.
std::uint64_t views_of(const std::string& chain) { return chain == "default chain" ? 40 : 8; }

struct Subject {
  volume::Volume voxels, as_int16;
  at::Tensor image;  // [1, D, H, W], the same as `voxels`
  volume::Frame frame;
  volume::Shape patch;

  augment::View view(const augment::Drawing& drawing) const { return view_of(voxels, drawing); }
  augment::View view_of(const volume::Volume& kept, const augment::Drawing& drawing) const {
    const volume::Volume* const channels[] = {&kept};
    return augment::apply(drawing, {channels, nullptr, {{0, 0, 0}, frame.shape}, frame.shape});
  }
  std::vector<augment::Drawing> drawings(const std::string& chain, const augment::Recipe& recipe) const {
    std::vector<augment::Drawing> all;
    for (std::uint64_t i = 0; i < views_of(chain); ++i) all.push_back(recipe.draw(frame, 1, i, 0));
    return all;
  }
};

Subject subject_of(const BenchOptions& options) {
  volume::PhantomOptions phantom;
  phantom.size = options.size * 5 / 4;
  phantom.anisotropy = 1;
  const volume::Volume image = volume::phantom_case(phantom, 0).reference().as_float();
  const volume::Shape& shape = image.shape();
  Subject subject;
  subject.image = at::empty({1, shape.depth, shape.height, shape.width}, at::kFloat);
  std::ranges::copy(image.voxels<float>(), subject.image.data_ptr<float>());
  subject.image.sub_(subject.image.mean()).div_(subject.image.std());
  subject.voxels = volume::Volume(shape, volume::VoxelType::kFloat32, image.geometry);
  std::copy_n(subject.image.data_ptr<float>(), shape.voxels(), subject.voxels.voxels<float>().data());
  subject.as_int16 = volume::as_int16(subject.voxels);
  subject.frame.channels = 1;
  subject.frame.shape = shape;
  subject.patch = {options.size, options.size, options.size};
  return subject;
}

// The same place, turn and scale by torch: a dense grid, then grid_sample.
at::Tensor by_torch(const Subject& subject, const augment::Drawing& drawing) {
  const volume::Transform map = augment::op_named(drawing.ops[0].op).transform(drawing.ops[0], drawing.patch);
  const volume::Shape &of = subject.frame.shape, &to = drawing.patch;
  const at::Tensor d = at::arange(to.depth, at::kFloat).reshape({-1, 1, 1}),
                   h = at::arange(to.height, at::kFloat).reshape({1, -1, 1}),
                   w = at::arange(to.width, at::kFloat).reshape({1, 1, -1});
  std::vector<at::Tensor> along;
  for (int a = 2; a >= 0; --a) {  // torch counts x, y, z from -1 to 1
    const auto& row = map.rows[static_cast<std::size_t>(a)];
    const at::Tensor place = d * row[0] + h * row[1] + w * row[2] + row[3];
    along.push_back(place * (2.0 / static_cast<double>(of[a] - 1)) - 1);
  }
  return at::grid_sampler_3d(subject.image.unsqueeze(0), at::stack(along, -1).unsqueeze(0), 0, 1, true).squeeze(0);
}

void require_torch_agrees(const Subject& subject, const std::vector<augment::Drawing>& drawings) {
  const double range = (subject.image.max() - subject.image.min()).item<double>();
  for (const augment::Drawing& drawing : drawings) {
    const augment::View view = subject.view(drawing);
    const at::Tensor difference = (view.image - by_torch(subject, drawing)).abs() * view.valid;
    require_equal(difference.max().item<double>() <= 1e-3 * range, "augment: turned and scaled views");
  }
}

augment::Supervised with(double turns, double bends, bool always) {
  augment::Supervised settings;
  settings.warp.rotation_chance = settings.warp.scale_chance = turns;
  settings.warp.bend_chance = bends;
  if (always) {
    augment::Intensity& all = settings.intensity;
    all.noise.chance = all.blur.chance = all.brightness.chance = all.contrast.chance = 1;
    all.low_resolution.chance = all.gamma.chance = 1;
    all.blur.channel_chance = all.low_resolution.channel_chance = 1;
  }
  return settings;
}

// Of a store of float32 and of one of int16, whose voxels differ by half a step.
std::vector<double> seconds_of(const Subject& subject, const std::vector<augment::Drawing>& drawings, int repeats) {
  const augment::Drawing picked{drawings[0].patch, drawings[0].of_case, {drawings[0].ops[0]}};
  const at::Tensor difference =
      (subject.view_of(subject.as_int16, picked).image - subject.view(picked).image).abs().max();
  require_equal(difference.item<double>() <= 0.51 * subject.as_int16.scale, "augment: views of int16");
  const auto make = [&](const volume::Volume& kept) {
    return [&] {
      for (const augment::Drawing& drawing : drawings) subject.view_of(kept, drawing);
    };
  };
  return median_seconds({make(subject.voxels), make(subject.as_int16)}, repeats);
}

std::vector<PeerTimes> peers_of(const Subject& subject, const BenchOptions& options) {
  if (options.peers.empty()) return {};
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-augment-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto& sizes = subject.image.sizes();
  write_npy(folder / "picture.npy", {sizes.begin(), sizes.end()}, "<f4",
            std::as_bytes(std::span(subject.image.data_ptr<float>(), static_cast<std::size_t>(subject.image.numel()))));
  core::publish_file(folder / "patch.json", std::to_string(options.size));
  std::vector<PeerTimes> peers = python_peers(options.peers, "augment_peers.py", folder, options.repeats);
  fs::remove_all(folder);
  return peers;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  const at::NoGradGuard no_gradient;
  const Subject subject = subject_of(options);
  const auto warp_alone = [&](const augment::Supervised& settings) {
    return augment::Recipe(subject.patch, {augment::make(settings.warp)});
  };
  const std::vector<std::pair<std::string, augment::Recipe>> chains{
      {"turned and scaled", warp_alone(with(1, 0, false))},
      {"turned, scaled and bent", warp_alone(with(1, 1, false))},
      {"default chain", augment::supervised(subject.patch, 0, with(0.2, 0, false))},
      {"all of it", augment::supervised(subject.patch, 0, with(1, 0, true))}};
  const auto affine = subject.drawings(chains[0].first, chains[0].second);
  require_torch_agrees(subject, affine);
  at::Tensor copy = at::empty({1, options.size, options.size, options.size}, at::kFloat), other = at::ones_like(copy);
  const std::vector<double> s = median_seconds({[&] {
                                                  for (const auto& drawing : affine) by_torch(subject, drawing);
                                                },
                                                [&] {
                                                  for (std::size_t i = 0; i < affine.size(); ++i) copy.copy_(other);
                                                }},
                                               options.repeats);
  const std::vector<PeerTimes> peers = peers_of(subject, options);
  std::vector<BenchResult> rows;
  for (const auto& [name, recipe] : chains) {
    const std::vector<double> both = seconds_of(subject, subject.drawings(name, recipe), options.repeats);
    const double ours = both[0];
    const double mvoxel = static_cast<double>(views_of(name)) * static_cast<double>(subject.patch.voxels()) / 1e6;
    const bool first_row = rows.empty();
    if (first_row)
      rows.push_back({name, mvoxel, "Mvoxel", "torch grid_sampler_3d", "one copy of the view", ours, s[0], s[1]});
    const auto peer = std::ranges::find(peers, name, &PeerTimes::name);
    if (peer != peers.end()) {
      rows.push_back({name, mvoxel, "Mvoxel", "batchgeneratorsv2", "", ours, peer->warm_s, 0});
    } else if (!first_row) {
      rows.push_back({name, mvoxel, "Mvoxel", "", "", ours, 0, 0});
    }
    rows.push_back({name + ", of int16", mvoxel, "Mvoxel", "", "", both[1], 0, 0});
  }
  at::set_num_threads(before);
  rows.back().note = gpu_views_left_out();
  if (rows.back().note.empty()) std::ranges::copy(gpu_views(options), std::back_inserter(rows));
  return rows;
}

}  // namespace

extern const Workload augment_workload;
const Workload augment_workload{"augment", "views of a picture on the CPU, beside torch and batchgeneratorsv2", run};

}  // namespace pipelines
