#include "pipelines/bench_methods_cohort.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "core/table.h"
#include "data/view_maker.h"
#include "pipelines/split.h"
#include "prepare/apply.h"
#include "store/writer.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 2026;
constexpr std::int64_t kPatchesOfAnOrgan = 2;  // in a scan
constexpr double kLongest_mm = 384;            // about what the longest axis of a phantom measures

// By label of the phantom: the organ, with left and right of a pair as one.
constexpr std::array<std::uint8_t, 12> kOrganOf{0, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9};
const std::array<const char*, 10> kOrgans{"background", "liver", "spleen", "kidney",  "lung",
                                          "heart",      "aorta", "spine",  "stomach", "pancreas"};

volume::PhantomOptions options_of(const CohortShape& shape) {
  volume::PhantomOptions options;
  options.patients = shape.patients;
  options.seed = static_cast<std::int64_t>(kSeed);
  options.size = shape.size;
  options.lesions = false;
  options.axis_orders = false;
  options.anisotropy = 1;
  options.contrast = 1;
  return options;
}

prepare::Plan plan_of(const CohortShape& shape) {
  prepare::Plan plan;
  const double spacing_mm = kLongest_mm / static_cast<double>(shape.size);
  plan.spacing_mm = {spacing_mm, spacing_mm, spacing_mm};
  plan.patch = kBenchPatch;
  plan.interpolation = "linear";
  plan.channels = {{"T1", "MR", prepare::Scheme::kCase}};
  return plan;
}

volume::Case made(const CohortShape& shape, const prepare::Plan& plan, std::int64_t index) {
  volume::Case one = volume::phantom_case(options_of(shape), index);
  for (std::uint8_t& label : one.label_map->voxels<std::uint8_t>()) label = kOrganOf.at(label);
  return prepare::in_stored_voxels(plan, prepare::apply(plan, std::move(one)));
}

// Patients come in pairs of which one is ill: pairs stay together.
std::int64_t test_patients(const CohortShape& shape) { return std::max<std::int64_t>(2, shape.patients / 6 * 2); }

// The part of a scan around a voxel; 0 where the scan ends.
at::Tensor patch_at(const store::Reader& reader, std::int64_t index, const std::array<std::int32_t, 3>& voxel) {
  const volume::Shape& shape = reader.summary(index).shape;
  const std::array<std::int64_t, 3> extent{shape.depth, shape.height, shape.width};
  std::array<std::int64_t, 3> begin{}, end{}, before{};
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t first = voxel[a] - kBenchPatch[a] / 2;
    begin[a] = std::max<std::int64_t>(first, 0);
    end[a] = std::min(first + kBenchPatch[a], extent[a]);
    before[a] = begin[a] - first;
  }
  data::Picture picture;
  picture.case_shape = shape;
  picture.box = {{begin[0], begin[1], begin[2]}, {end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]}};
  picture.channels.emplace_back(reader.read(index, 0, {picture.box.begin, picture.box.shape}));
  const at::Tensor inside = data::image_of(picture);
  at::Tensor patch = at::zeros({1, kBenchPatch[0], kBenchPatch[1], kBenchPatch[2]});
  patch.narrow(1, before[0], inside.size(1))
      .narrow(2, before[1], inside.size(2))
      .narrow(3, before[2], inside.size(3))
      .copy_(inside);
  return patch;
}

}  // namespace

std::int64_t organ_count() { return static_cast<std::int64_t>(kOrgans.size()) - 1; }

std::string told(const CohortShape& shape) {
  return fmt::format(
      "{} patients of seed {}, {} voxels along the longest axis, contrast drawn anew, {} of them for testing; "
      "{} patches of each of {} organs in a scan",
      shape.patients, kSeed, shape.size, test_patients(shape), kPatchesOfAnOrgan, organ_count());
}

void make_cohort(const fs::path& folder, const CohortShape& shape, int threads) {
  const prepare::Plan plan = plan_of(shape);
  store::WriterOptions options;
  options.plan_yaml = prepare::to_yaml(plan);
  for (std::size_t organ = 1; organ < kOrgans.size(); ++organ)
    options.label_names[static_cast<int>(organ)] = kOrgans[organ];
  store::Writer writer(folder / "store", options);
  core::parallel_for(shape.patients, threads, [&](std::int64_t index) { writer.add(made(shape, plan, index)); });
  writer.commit();
  core::Table split{{"case", "patient", "set"}, {}};
  for (std::int64_t index = 0; index < shape.patients; ++index) {
    const volume::Case one = volume::phantom_facts(options_of(shape), index);
    split.add({one.id, one.groups.patient, index < test_patients(shape) ? "test" : "train"});
  }
  core::publish_file(folder / "split.csv", std::string_view(core::to_csv(split)));
}

OrganPatches organ_patches(const fs::path& folder, const std::string& set) {
  const store::Reader reader(folder / "store");
  const Split split = read_split(folder / "split.csv");
  OrganPatches patches;
  std::vector<at::Tensor> images;
  std::vector<std::int64_t> organs;
  for (const std::int64_t index : cases_of(split, set, reader)) {
    for (std::size_t organ = 1; organ < kOrgans.size(); ++organ) {
      const auto places = reader.class_locations(index, static_cast<int>(organ));
      if (places.empty()) continue;
      core::Rng rng({kSeed, static_cast<std::uint64_t>(index), static_cast<std::uint32_t>(organ), 1});
      for (std::int64_t i = 0; i < kPatchesOfAnOrgan; ++i) {
        images.push_back(patch_at(reader, index, places[static_cast<std::size_t>(rng.below(places.size()))]));
        organs.push_back(static_cast<std::int64_t>(organ) - 1);
        patches.patients.push_back(patient_of(split, reader.summary(index)));
      }
    }
  }
  patches.images = at::stack(images);
  patches.organs = at::tensor(organs);
  return patches;
}

}  // namespace pipelines
