#pragma once
// A prepared store of a few small cases, written by hand: what the tests of training commands begin with.

#include <cmath>
#include <filesystem>
#include <string>

#include "core/rng.h"
#include "prepare/plan.h"
#include "store/writer.h"

namespace tiny {

// A bright ball in noise, elsewhere in each case; two classes that cannot be seen.
inline volume::Case one_case(int number, const volume::Shape& shape) {
  core::Rng rng({17, static_cast<std::uint64_t>(number), 0, 0});
  volume::Volume image(shape, volume::VoxelType::kFloat32, {});
  auto voxels = image.voxels<float>();
  const double at = rng.uniform(6, 12), radius = rng.uniform(3, 6);
  std::size_t i = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w, ++i) {
        const auto far = [&](std::int64_t x) { return static_cast<double>(x) - at; };
        const bool inside = std::hypot(far(d), far(h), far(w)) < radius;
        voxels[i] = static_cast<float>((inside ? 2.0 : -0.5) + 0.1 * rng.normal());
      }
    }
  }
  volume::Case made;
  made.id = "case" + std::to_string(100 + number);
  made.groups.patient = "patient" + std::to_string(number / 2);
  made.scalars["class"] = number % 2;
  made.channels.push_back({"T1", "MR", std::move(image)});
  return made;
}

inline void prepared_store(const std::filesystem::path& folder, int cases = 6,
                           const volume::Shape& shape = {20, 20, 20}) {
  prepare::Plan plan;
  plan.patch = {16, 16, 16};
  plan.batch_size = 3;
  plan.spacing_mm = {1, 1, 1};
  plan.channels.resize(1);
  plan.channels[0].name = "T1";
  plan.channels[0].modality = "MR";
  store::WriterOptions options;
  options.plan_yaml = prepare::to_yaml(plan);
  store::Writer writer(folder, options);
  for (int i = 0; i < cases; ++i) writer.add(one_case(i, shape));
  writer.commit();
}

inline void raw_store(const std::filesystem::path& folder) {
  store::Writer writer(folder);
  writer.add(one_case(0, {8, 8, 8}));
  writer.commit();
}

// Settings with which a step takes milliseconds.
inline const std::string kSmall =
    " --threads 1 --device cpu --set encoder.base=4 --set data.workers=1 --set trainer.learning_rate=0.003"
    " --set watch.pictures=1";

}  // namespace tiny
