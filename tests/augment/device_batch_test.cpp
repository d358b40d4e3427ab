// What the kernels of device_batch_cuda.cu do to each voxel, done by plain loops, beside the CPU's own views.
#include <cmath>

#include "augment/device_batch_pick.h"
#include "augment/ops/block_mask.h"
#include "core/error.h"
#include "device_batch_cases.h"

namespace {

using augment::BatchTables;
using augment::DeviceSource;
using augment::PackedBatch;
using augment::Sums;
using device_batch::Batch;
using device_batch::Made;

void pick_lane(const BatchTables& batch, std::int32_t i, Sums& sums) {
  const augment::BatchSample& sample = batch.in_samples[i / batch.channels];
  std::vector<float> bend(static_cast<std::size_t>(3 * sample.points));
  for (std::int32_t d = 0; d < batch.depth; ++d) {
    for (std::int32_t h = 0; h < batch.height; ++h) {
      for (std::int32_t k = 0; k < 3 * sample.points; ++k)
        bend[static_cast<std::size_t>(k)] = augment::bend_point(batch, sample, d, h, k);
      const augment::voxel::Line line = augment::voxel::line_of(sample.map, d, h);
      for (std::int32_t w = 0; w < batch.width; ++w)
        augment::pick_voxel(batch, i, sample, batch.in_lanes[i], line, bend.data(), d, h, w, sums);
    }
  }
}

void filter_lane(const BatchTables& batch, std::int32_t i, int stage, Sums& sums) {
  const augment::StageOfLane& of = batch.in_lanes[i].stages[stage];
  const augment::ReadyChange ready = augment::ready_change(batch, i, of.change);
  const int axis = augment::axis_of(stage);
  const std::int32_t extent = augment::extent_of(batch, axis), step = augment::line_step(batch, axis);
  float* const work = augment::work_of(batch, i);
  std::vector<float> line(static_cast<std::size_t>(extent));
  for (std::int32_t l = 0; l < augment::voxels_of(batch) / extent; ++l) {
    const std::int32_t start = augment::line_start(batch, axis, l);
    for (std::int32_t k = 0; k < extent; ++k)
      line[static_cast<std::size_t>(k)] = augment::changed(ready, work[start + k * step], start + k * step);
    for (std::int32_t k = 0; k < extent; ++k) {
      const float voxel = augment::filtered(batch, of.filter, extent, k, line.data(), 1);
      work[start + k * step] = voxel;
      augment::add(sums, voxel);
    }
  }
}

void change_lane(const BatchTables& batch, std::int32_t i, int stage, Sums& sums) {
  const augment::ReadyChange ready = augment::ready_change(batch, i, batch.in_lanes[i].stages[stage].change);
  float* const work = augment::work_of(batch, i);
  for (std::int32_t index = 0; index < augment::voxels_of(batch); ++index) {
    const float voxel = augment::changed(ready, work[index], index);
    if (stage == augment::kFinal) {
      augment::finish_voxel(batch, batch.in_samples[i / batch.channels], i, index, voxel);
    } else {
      work[index] = voxel;
      augment::add(sums, voxel);
    }
  }
}

Made run_plain(const PackedBatch& packed, bool bf16 = false) {
  std::vector<std::byte> tables = packed.tables, scratch(augment::scratch_bytes(packed));
  Made made(packed, at::kCPU, bf16);
  const BatchTables batch = augment::tables_of(packed, tables.data(), made.views(), scratch.data());
  for (int stage = 0; stage < augment::kStages; ++stage) {
    if (!packed.stages[static_cast<std::size_t>(stage)].active) continue;
    for (std::int32_t i = 0; i < batch.samples * batch.channels; ++i) {
      const augment::StageOfLane& of = batch.in_lanes[i].stages[stage];
      if (of.active == 0) continue;
      Sums sums{};
      if (stage == augment::kPick) {
        pick_lane(batch, i, sums);
      } else if (augment::axis_of(stage) >= 0) {
        filter_lane(batch, i, stage, sums);
      } else {
        change_lane(batch, i, stage, sums);
      }
      if (of.measures >= 0)
        batch.moments[i * augment::kMoments + of.measures] = augment::moments_of(sums, augment::voxels_of(batch));
    }
  }
  return made;
}

}  // namespace

TEST(DeviceBatch, MakesTheViewsOfTheCpuForEveryRecipe) {
  for (const auto& [name, recipe] : device_batch::recipes()) {
    SCOPED_TRACE(name);
    for (const std::uint64_t seed : {1, 2, 3}) {
      const Batch batch = device_batch::batch_of(recipe, seed);
      const auto stored = device_batch::stored(batch, at::kCPU);
      device_batch::expect_views(batch, run_plain(augment::pack(batch.drawings, stored.sources)));
    }
  }
}

TEST(DeviceBatch, MakesViewsThatAreOnlyPickedToTheBit) {
  augment::Masked turned;
  turned.warp.rotation_chance = turned.warp.scale_chance = turned.warp.bend_chance = 1;
  const Batch batch = device_batch::batch_of(augment::masked({15, 14, 13}, turned), 5);
  const auto stored = device_batch::stored(batch, at::kCPU);
  const PackedBatch packed = augment::pack(batch.drawings, stored.sources);
  device_batch::expect_views(batch, run_plain(packed), 0);
  EXPECT_FALSE(packed.stages[augment::kFinal].active) << "one pass is enough";
  EXPECT_LT(augment::scratch_bytes(packed), 4096u);
}

TEST(DeviceBatch, MakesEachOpByItself) {
  for (const char* op : {"noise 5 6 0.2 0.1", "blur 0 1.1 0.7 0.9 0 0", "brightness 0.3 -0.2", "contrast 1.4 0.7",
                         "low_resolution 0.5 1 0.7 1 1 0.4", "gamma 0.6 0 1.7 1", "gamma 1 0 1 1", "mirror 1 0 1",
                         "noise 5 6 0.2 0.1 | low_resolution 1 1 0.5 0.5 1 1", "noise 5 6 0.2 0.1 | gamma 0.6 0 1.7 1",
                         "brightness 0.3 -0.2 | gamma 0.6 0 1.7 1", "noise | blur | brightness"}) {
    Batch batch;
    batch.cases.push_back(pictures::blobs({20, 19, 18}));
    batch.drawings.push_back(augment::parse("view 12 11 10 20 19 18 | crop 3 4 -2 | " + std::string(op)));
    const auto stored = device_batch::stored(batch, at::kCPU);
    device_batch::expect_views(batch, run_plain(augment::pack(batch.drawings, stored.sources)), 1e-5);
  }
}

TEST(DeviceBatch, ReadsInt16AsTheValuesTheyMeanAndAnAbsentChannelAsZero) {
  Batch batch = device_batch::batch_of(augment::supervised({12, 13, 14}, 0, device_batch::always()), 9, 4);
  std::vector<at::Tensor> kept;
  std::vector<DeviceSource> sources;
  for (pictures::Sample& each : batch.cases) {
    const at::Tensor numbers = (each.image[1] * 2).round();
    each.image = at::stack({at::zeros_like(numbers), numbers * 0.5 - 20});
    kept.push_back(numbers.to(at::kShort));
    sources.push_back({{{}, {kept.back().data_ptr(), augment::Stored::kInt16, 0.5f, -20}}, nullptr, 1, each.whole});
    each.labels = at::zeros_like(each.labels);
  }
  device_batch::expect_views(batch, run_plain(augment::pack(batch.drawings, sources)));
}

TEST(DeviceBatch, ReadsTheBoxThatWasDrawnAndLabelsOfTwoBytes) {
  Batch batch = device_batch::batch_of(augment::supervised({9, 8, 7}, 0.5), 12, 4);
  std::vector<at::Tensor> kept;
  std::vector<DeviceSource> sources;
  for (std::size_t n = 0; n < batch.cases.size(); ++n) {
    const volume::VoxelBox box = batch.drawings[n].box();
    batch.cases[n].labels *= 30;
    const auto cut = [&](at::Tensor tensor) {
      for (int a = 0; a < 3; ++a) tensor = tensor.narrow(tensor.dim() - 3 + a, box.begin[a], box.shape[a]);
      kept.push_back(tensor.contiguous());
      return kept.back();
    };
    const at::Tensor image = cut(batch.cases[n].image), labels = cut(batch.cases[n].labels.to(at::kShort));
    sources.push_back(
        {{{image[0].data_ptr(), augment::Stored::kFloat32}, {image[1].data_ptr(), augment::Stored::kFloat32}},
         labels.data_ptr(),
         2,
         box});
  }
  device_batch::expect_views(batch, run_plain(augment::pack(batch.drawings, sources)));
}

TEST(DeviceBatch, RoundsToBfloat16Once) {
  const Batch batch = device_batch::batch_of(augment::contrastive({12, 13, 14}), 4);
  const auto stored = device_batch::stored(batch, at::kCPU);
  const PackedBatch packed = augment::pack(batch.drawings, stored.sources);
  EXPECT_TRUE(at::equal(run_plain(packed, true).image, run_plain(packed).image.to(at::kBFloat16)));
}

TEST(DeviceBatch, SumsOfPartsTellWhatAllIsLike) {
  Sums all{}, none{}, parts[2] = {};
  for (int i = 0; i < 10; ++i) {
    const auto voxel = static_cast<float>(i * i - 30);
    augment::add(all, voxel);
    augment::add(parts[i / 5], voxel);
  }
  Sums sums{};
  for (const Sums& each : {parts[0], none, parts[1]}) augment::add(sums, each);
  const augment::Moments one = augment::moments_of(all, 10), other = augment::moments_of(sums, 10);
  EXPECT_EQ(one.mean, -1.5);
  EXPECT_NEAR(one.deviation, std::sqrt(721.05), 1e-12);  // mean of i^4 is 1533.3, of i^2 28.5
  EXPECT_EQ(one.low, -30);
  EXPECT_EQ(one.high, 51);
  EXPECT_EQ(one.mean, other.mean);
  EXPECT_EQ(one.deviation, other.deviation);
  EXPECT_EQ(one.low, other.low);
  EXPECT_EQ(one.high, other.high);
}

TEST(DeviceBatch, CutsALaneIntoBlocksThatFitSharedMemory) {
  for (const std::int32_t extent : {1, 2, 128, 333, 512, 1536}) {
    const std::int32_t lines = augment::lines_of_block(extent);
    EXPECT_GE(lines, 1);
    EXPECT_LE(lines, 32);
    EXPECT_LE((lines + 1) * extent * 4, augment::kFilterBytes);
  }
}

TEST(DeviceBatch, SaysWhichDrawingsItCannotMake) {
  const std::string view = "view 8 8 8 9 9 9 | ";
  EXPECT_TRUE(augment::supports(augment::parse(view + "crop 0 0 0 | noise 1 2 0 | mirror 1 0 0 | block_mask")));
  EXPECT_FALSE(augment::supports(augment::parse(view + "crop 0 0 0 | mirror 1 0 0 | noise 1 2 0")));
  EXPECT_FALSE(augment::supports(augment::parse(view + "crop 0 0 0 | gamma 2 0 | gamma 2 0")));
  EXPECT_FALSE(augment::supports(augment::parse("view 1 1 1537 9 9 9 | crop 0 0 0")));
}

TEST(DeviceBatch, RefusesWhatDoesNotFit) {
  const Batch batch = device_batch::batch_of(augment::centre({6, 6, 6}), 1, 2);
  const auto stored = device_batch::stored(batch, at::kCPU);
  const auto refused = [&](auto&& spoil) {
    std::vector<augment::Drawing> drawings = batch.drawings;
    std::vector<DeviceSource> sources = stored.sources;
    spoil(drawings[1], sources[1]);
    EXPECT_THROW(augment::pack(drawings, sources), core::Error);
  };
  EXPECT_NO_THROW(augment::pack(batch.drawings, stored.sources));
  refused([](augment::Drawing& drawing, DeviceSource&) { drawing.patch.width = 7; });
  refused([](augment::Drawing& drawing, DeviceSource&) { drawing.ops.push_back({"gamma", {2, 0}}); });
  refused([](augment::Drawing&, DeviceSource& source) { source.channels.pop_back(); });
  refused([](augment::Drawing&, DeviceSource& source) { source.box.begin[0] = 5; });
  refused([](augment::Drawing&, DeviceSource& source) { source.box.shape.height = 2; });
  refused([](augment::Drawing&, DeviceSource& source) { source.label_bytes = 8; });
}
