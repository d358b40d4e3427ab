#pragma once
// A tiny prepared store made by hand: two "organs" in noise, a bright ball and a dark one, at other places in each
// case.

#include <cmath>
#include <filesystem>
#include <string>

#include "core/rng.h"
#include "prepare/plan.h"
#include "store/writer.h"

namespace prepared {

inline constexpr std::int64_t kSide = 20;

inline void paint(volume::Volume& image, volume::Volume& labels, const std::array<double, 3>& centre, double radius,
                  float value, std::uint8_t label) {
  auto voxels = image.voxels<float>();
  auto classes = labels.voxels<std::uint8_t>();
  for (std::int64_t d = 0; d < kSide; ++d)
    for (std::int64_t h = 0; h < kSide; ++h)
      for (std::int64_t w = 0; w < kSide; ++w) {
        const std::array<double, 3> at{static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)};
        double square = 0;
        for (std::size_t a = 0; a < 3; ++a) square += (at[a] - centre[a]) * (at[a] - centre[a]);
        if (square > radius * radius) continue;
        const auto i = static_cast<std::size_t>((d * kSide + h) * kSide + w);
        voxels[i] += value;
        classes[i] = label;
      }
}

// Two cases of each patient ("case-03a", "case-03b"); patients alternate between class 0 and 1, and class 1 is striped.
inline volume::Case one_case(std::int64_t patient, char which) {
  core::Rng rng({static_cast<std::uint64_t>(patient * 2 + (which - 'a')), 0, 0, 0});
  volume::Volume image({kSide, kSide, kSide}, volume::VoxelType::kFloat32, {});
  volume::Volume labels({kSide, kSide, kSide}, volume::VoxelType::kUInt8, {});
  const bool second = patient % 2 == 1;
  const auto voxels = image.voxels<float>();
  for (std::size_t i = 0; i < voxels.size(); ++i)
    voxels[i] = static_cast<float>(0.2 * rng.normal() + (second && (i / 2) % 2 == 0 ? 1.0 : 0.0));
  const double radius = 4.5;
  const auto place = [&] { return rng.uniform(5, 7); };
  paint(image, labels, {place(), place(), place()}, radius, 2.0F, 1);
  paint(image, labels, {kSide - place(), kSide - place(), kSide - place()}, radius, -2.0F, 2);
  volume::Case made;
  const std::string number = std::to_string(patient);
  made.groups.patient = "patient-" + std::string(number.size() < 2 ? "0" : "") + number;
  made.id = "case-" + made.groups.patient.substr(8) + which;
  made.channels.push_back({"MR", "MR", std::move(image)});
  made.label_map = std::move(labels);
  made.scalars["class"] = second ? 1 : 0;
  return made;
}

inline std::filesystem::path make_store(const std::filesystem::path& folder, std::int64_t patients) {
  prepare::Plan plan;
  plan.spacing_mm = {1, 1, 1};
  plan.patch = {16, 16, 16};
  plan.batch_size = 2;
  plan.channels = {{"MR", "MR", prepare::Scheme::kKeep}};
  store::WriterOptions options;
  options.label_names = {{1, "bright"}, {2, "dark"}};
  options.plan_yaml = prepare::to_yaml(plan);
  store::Writer writer(folder, options);
  for (std::int64_t patient = 0; patient < patients; ++patient)
    for (const char which : {'a', 'b'}) writer.add(one_case(patient, which));
  writer.commit();
  return folder;
}

}  // namespace prepared
