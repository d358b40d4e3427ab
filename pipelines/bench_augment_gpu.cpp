// A batch of views on the GPU, int16 to bfloat16, beside the same ops of torch one by one. Never run: no GPU has been
// there yet.
#include "pipelines/bench_augment_gpu.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>

#include "augment/device_batch.h"
#include "augment/recipes.h"
#include "runtime/dispatch.h"
#include "volume/phantom.h"
#include "volume/quantise.h"

namespace pipelines {
namespace {

constexpr std::int64_t kViews = 8;
constexpr int kRuns = 20;  // of one turn

at::TensorOptions on_gpu(at::ScalarType type) { return at::TensorOptions(type).device(at::kCUDA, 0); }
at::Tensor bytes_on_gpu(std::size_t size) {
  return at::empty({static_cast<std::int64_t>(std::max<std::size_t>(size, 1))}, on_gpu(at::kByte));
}

struct GpuBatch {
  volume::Volume kept;  // int16
  volume::Frame frame;
  at::Tensor voxels;  // [N, D, H, W] int16 on the GPU: N cases, so that no view finds another's voxels near by
  std::vector<augment::DeviceSource> sources;
};

GpuBatch batch_of(const BenchOptions& options) {
  volume::PhantomOptions phantom;
  phantom.size = options.size * 5 / 4;
  phantom.anisotropy = 1;
  GpuBatch batch;
  batch.kept = volume::as_int16(volume::phantom_case(phantom, 0).reference().as_float());
  batch.frame.shape = batch.kept.shape();
  const volume::Shape& shape = batch.frame.shape;
  const at::Tensor one = at::from_blob(batch.kept.bytes().data(), {shape.depth, shape.height, shape.width}, at::kShort);
  batch.voxels = one.to(at::Device(at::kCUDA, 0)).expand({kViews, -1, -1, -1}).contiguous();
  for (std::int64_t n = 0; n < kViews; ++n) {
    augment::DeviceSource source;
    source.channels.push_back({batch.voxels[n].data_ptr(), augment::Stored::kInt16,
                               static_cast<float>(batch.kept.scale), static_cast<float>(batch.kept.offset)});
    source.box = {{0, 0, 0}, shape};
    batch.sources.push_back(std::move(source));
  }
  return batch;
}

// Packed, and all that a run needs on the GPU.
struct ReadyBatch {
  augment::PackedBatch packed;
  at::Tensor tables, scratch, image, valid;

  ReadyBatch(const GpuBatch& batch, const std::vector<augment::Drawing>& drawings, bool bf16)
      : packed(augment::pack(drawings, batch.sources)),
        tables(bytes_on_gpu(packed.tables.size())),
        scratch(bytes_on_gpu(augment::scratch_bytes(packed))) {
    const volume::Shape& to = packed.shape;
    image = at::empty({kViews, 1, to.depth, to.height, to.width}, on_gpu(bf16 ? at::kBFloat16 : at::kFloat));
    valid = at::empty({kViews, to.depth, to.height, to.width}, on_gpu(at::kByte));
    tables.copy_(at::from_blob(packed.tables.data(), {tables.numel()}, at::kByte));
  }
  void run() const {
    if constexpr (runtime::kCudaKernels) {
      const auto begin_of = [](const at::Tensor& bytes) {
        return reinterpret_cast<std::byte*>(bytes.data_ptr<std::uint8_t>());
      };
      const bool bf16 = image.scalar_type() == at::kBFloat16;
      augment::gpu::run(packed, begin_of(tables),
                        {image.data_ptr(), bf16, nullptr, valid.data_ptr<std::uint8_t>(), nullptr}, begin_of(scratch),
                        runtime::current_stream(0));
    }
  }
};

void require_views_of_the_cpu(const GpuBatch& batch, const std::vector<augment::Drawing>& drawings) {
  const ReadyBatch exact(batch, drawings, false), rounded(batch, drawings, true);
  exact.run();
  rounded.run();
  require_equal(at::equal(exact.image.to(at::kBFloat16), rounded.image), "augment: bfloat16 and float32");
  const volume::Volume* const channels[] = {&batch.kept};
  for (std::size_t n = 0; n < drawings.size(); ++n) {
    const augment::View truth =
        augment::apply(drawings[n], {channels, nullptr, {{0, 0, 0}, batch.frame.shape}, batch.frame.shape});
    const at::Tensor away = (exact.image[static_cast<std::int64_t>(n)].to(at::kCPU) - truth.image).abs();
    const double range = (truth.image.max() - truth.image.min()).item<double>();
    require_equal(away.max().item<double>() <= 1e-4 * range, "augment: the GPU's views and the CPU's");
  }
}

at::Tensor blurred(at::Tensor x) {
  const at::Tensor away = at::arange(-3, 4, on_gpu(at::kFloat)), bell = at::exp(away.square() * -0.5);
  const at::Tensor weights = bell / bell.sum();
  const std::array<std::array<std::int64_t, 5>, 3> shapes{{{1, 1, 7, 1, 1}, {1, 1, 1, 7, 1}, {1, 1, 1, 1, 7}}};
  const std::array<std::array<std::int64_t, 3>, 3> pads{{{3, 0, 0}, {0, 3, 0}, {0, 0, 3}}};
  for (std::size_t a = 0; a < 3; ++a) x = at::conv3d(x, weights.view(shapes[a]), {}, 1, pads[a]);
  return x;
}

// The ops of the supervised chain as they are written with torch; their values do not matter to the time.
at::Tensor by_torch(const GpuBatch& batch, const at::Tensor& maps, std::int64_t size, bool all) {
  const at::Tensor grid = at::affine_grid_generator(maps, {kViews, 1, size, size, size}, true);
  at::Tensor x = at::grid_sampler_3d(batch.voxels.unsqueeze(1).to(at::kFloat), grid, 0, 1, true);
  if (all) {
    const auto mean = [](const at::Tensor& of) { return of.mean({2, 3, 4}, true); };
    const auto spread = [](const at::Tensor& of) { return of.std({2, 3, 4}, true, true); };
    x = blurred(x + at::randn_like(x) * (spread(x) * 0.1));
    x = x + spread(x) * 0.1;
    const at::Tensor low = x.amin({2, 3, 4}, true), high = x.amax({2, 3, 4}, true);
    x = at::minimum(at::maximum((x - mean(x)) * 1.2 + mean(x), low), high);
    const std::int64_t coarse = size * 2 / 3;
    x = at::upsample_trilinear3d(at::adaptive_avg_pool3d(x, {coarse, coarse, coarse}), {size, size, size}, false);
    const at::Tensor least = x.amin({2, 3, 4}, true), way = x.amax({2, 3, 4}, true) - least;
    const at::Tensor raised = ((x - least) / way).clamp(0, 1).pow(1.3);
    x = (raised - mean(raised)) / spread(raised) * spread(x) + mean(x);
  }
  return x.flip({2, 4}).to(at::kBFloat16);
}

// Runs many times, then waits for the last.
template <class Body>
std::function<void()> turn_of(const Body& body) {
  return [body] {
    at::Tensor last;
    for (int i = 0; i < kRuns; ++i) last = body();
    last.flatten()[0].item<float>();
  };
}

BenchResult measured(const GpuBatch& batch, const BenchOptions& options, const std::string& name,
                     const augment::Recipe& recipe, bool all) {
  std::vector<augment::Drawing> drawings;
  for (std::uint64_t n = 0; n < kViews; ++n) drawings.push_back(recipe.draw(batch.frame, 1, n, 0));
  require_views_of_the_cpu(batch, drawings);
  const ReadyBatch ready(batch, drawings, true);
  const at::Tensor maps = at::eye(3, 4, on_gpu(at::kFloat)).mul(0.8).expand({kViews, 3, 4}).contiguous();
  const at::Tensor numbers = at::zeros_like(ready.image, on_gpu(at::kShort));
  const std::vector<double> seconds = median_seconds({turn_of([&] {
                                                        ready.run();
                                                        return ready.image;
                                                      }),
                                                      turn_of([&] { return by_torch(batch, maps, options.size, all); }),
                                                      turn_of([&] { return ready.image.copy_(numbers); })},
                                                     options.repeats);
  const double mvoxel = static_cast<double>(ready.image.numel()) * kRuns / 1e6;
  return {name,       mvoxel,     "Mvoxel",  "torch, op by op", "int16 read, bfloat16 written",
          seconds[0], seconds[1], seconds[2]};
}

}  // namespace

std::string gpu_views_left_out() {
  if (!at::hasCUDA()) return "views on a GPU were left out: no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) return "views on a GPU were left out: the kernels are not linked (--preset cuda)";
  return "";
}

std::vector<BenchResult> gpu_views(const BenchOptions& options) {
  const at::NoGradGuard no_gradient;
  const GpuBatch batch = batch_of(options);
  const volume::Shape patch{options.size, options.size, options.size};
  augment::Supervised turned, all;
  for (augment::Supervised* const each : {&turned, &all}) {
    each->warp.rotation_chance = each->warp.scale_chance = each->warp.bend_chance = each->mirror.chance = 1;
  }
  augment::Intensity& values = all.intensity;
  values.noise.chance = values.blur.chance = values.brightness.chance = values.contrast.chance = 1;
  values.low_resolution.chance = values.gamma.chance = 1;
  const augment::Recipe picked(patch, {augment::make(turned.warp), augment::make(turned.mirror)});
  return {measured(batch, options, "GPU: turned, scaled, bent and mirrored", picked, false),
          measured(batch, options, "GPU: whole chain, default chances", augment::supervised(patch, 0), true),
          measured(batch, options, "GPU: whole chain, all of it", augment::supervised(patch, 0, all), true)};
}

}  // namespace pipelines
