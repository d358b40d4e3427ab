// The kernels of norm_cuda.cu on the CPU, through the stand-in of tests/cuda, beside the same passes written in torch's
// operations in float64.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/norm_passes.h"
#include "norm_cases.h"

namespace models::stand_in {
std::int64_t scratch_doubles(const NormShape& shape);
void run(const NormShape& shape, const MomentsPass& pass, double* scratch, CUstream_st* stream);
void run(const NormShape& shape, const ForwardPass& pass, CUstream_st* stream);
void run(const NormShape& shape, const SumsPass& pass, double* scratch, CUstream_st* stream);
void run(const NormShape& shape, const BackwardPass& pass, CUstream_st* stream);
}  // namespace models::stand_in

namespace {

// Voxels [N, voxels, C], coefficients [N, C].
struct Given {
  models::NormShape shape;
  float slope;
  at::Tensor x, around, y, dy, mean, scale, shift, of_dz, of_x, rest;
};
struct Results {
  at::Tensor sum, square, y, dz_sum, dz_x_sum, dx, dz;
  std::vector<at::Tensor> all() const { return {sum, square, y, dz_sum, dz_x_sum, dx, dz}; }
};

Given given_of(const NormCase& each, at::ScalarType type) {
  const std::int64_t samples = each.shape[0], channels = each.shape[1];
  const std::int64_t voxels = each.shape[2] * each.shape[3] * each.shape[4];
  const auto voxels_of = [&](double phase) { return norm_wave({samples, voxels, channels}, phase).to(type); };
  const auto of_channel = [&](double phase) { return norm_wave({samples, channels}, phase).to(at::kFloat); };
  return {{samples, voxels, channels, type == at::kBFloat16},
          static_cast<float>(each.slope),
          voxels_of(0) * 2 + 1,
          each.around ? voxels_of(3) : at::Tensor(),
          voxels_of(1),
          voxels_of(4),
          of_channel(0.3),
          of_channel(1) + 1.5,
          of_channel(2),
          of_channel(5) + 2,
          of_channel(6),
          of_channel(7)};
}

const float* floats(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }

// What lies behind a result, one sample more of it, is not to be written to.
Results run_kernels(const Given& given) {
  const models::NormShape& shape = given.shape;
  const auto doubles = [&] { return at::full({shape.samples + 1, shape.channels}, -77, at::kDouble); };
  const auto voxels = [&] {
    return at::full({shape.samples + 1, shape.voxels, shape.channels}, -77, given.x.scalar_type());
  };
  Results made{doubles(), doubles(), voxels(), doubles(), doubles(), voxels(), voxels()};
  const auto count = static_cast<std::size_t>(models::stand_in::scratch_doubles(shape));
  std::vector<double> scratch(count + 64, NAN);
  const auto run = [&](const auto& pass) {
    std::fill(scratch.begin(), scratch.end(), NAN);
    models::stand_in::run(shape, pass, scratch.data(), nullptr);
    for (std::size_t i = count; i < scratch.size(); ++i) EXPECT_TRUE(std::isnan(scratch[i])) << "behind the scratch";
  };
  run(models::MomentsPass{given.x.const_data_ptr(), floats(given.mean), made.sum.data_ptr<double>(),
                          made.square.data_ptr<double>()});
  models::stand_in::run(
      shape,
      models::ForwardPass{given.x.const_data_ptr(), given.around.defined() ? given.around.const_data_ptr() : nullptr,
                          floats(given.mean), floats(given.scale), floats(given.shift), given.slope, made.y.data_ptr()},
      nullptr);
  run(models::SumsPass{given.x.const_data_ptr(), given.y.const_data_ptr(), given.dy.const_data_ptr(),
                       floats(given.mean), given.slope, made.dz_sum.data_ptr<double>(),
                       made.dz_x_sum.data_ptr<double>()});
  models::stand_in::run(
      shape,
      models::BackwardPass{given.x.const_data_ptr(), given.y.const_data_ptr(), given.dy.const_data_ptr(),
                           floats(given.mean), floats(given.of_dz), floats(given.of_x), floats(given.rest), given.slope,
                           made.dx.data_ptr(), given.around.defined() ? made.dz.data_ptr() : nullptr},
      nullptr);
  return made;
}

Results run_plain_passes(const Given& given) {
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
  const auto of_channel = [](const at::Tensor& tensor) { return tensor.to(at::kDouble).unsqueeze(1); };
  const double slope = given.slope;
  const at::Tensor away = wide(given.x) - of_channel(given.mean);
  at::Tensor z = away * of_channel(given.scale) + of_channel(given.shift);
  if (given.around.defined()) z = z + wide(given.around);
  const at::Tensor dz = at::where(given.y > 0, wide(given.dy), slope * wide(given.dy));
  return {away.sum(1),
          away.square().sum(1),
          at::where(z > 0, z, slope * z),
          dz.sum(1),
          (dz * away).sum(1),
          of_channel(given.of_dz) * dz + of_channel(given.of_x) * away + of_channel(given.rest),
          given.around.defined() ? dz : at::full_like(dz, -77)};
}

// Within what a hundred sums in float32 lose of the greatest; bfloat16 is rounded once more.
void expect_passes(const Given& given) {
  const std::vector<at::Tensor> ours = run_kernels(given).all(), truth = run_plain_passes(given).all();
  const char* const names[] = {"sum", "sum of squares", "y", "sum of dz", "sum of dz x", "dx", "dz"};
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const at::Tensor made = ours[i].narrow(0, 0, given.shape.samples).to(at::kDouble);
    const bool rounded = given.shape.bf16 && ours[i].dim() == 3;
    const double most = std::max(truth[i].abs().max().item<double>(), 1.0);
    const at::Tensor over = (made - truth[i]).abs() - truth[i].abs() * (rounded ? 1.0 / 256 : 0);
    EXPECT_LE(over.max().item<double>(), 3e-6 * most) << names[i];
    EXPECT_TRUE((ours[i][given.shape.samples] == -77).all().item<bool>()) << "written behind " << names[i];
  }
}

std::vector<NormCase> cases() {
  std::vector<NormCase> all = norm_cases();
  all.push_back({{2, 5, 1, 1, 8193}, 5, 0.01, true});  // the last chunk has one voxel
  all.push_back({{1, 256, 1, 3, 3}, 256, 0.3, true});  // a row of threads is a block
  all.push_back({{1, 257, 1, 3, 3}, 257, 0.3, true});
  return all;
}

TEST(NormLeakyKernels, EveryPassIsThatOfThePlainFormulaInFloat64) {
  for (const NormCase& each : cases()) {
    SCOPED_TRACE(each.text());
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) expect_passes(given_of(each, type));
  }
}

TEST(NormLeakyKernels, RepeatToTheBitInAnyOrderOfThreads) {
  const Given given = given_of({{2, 32, 8, 16, 33}, 32, 0.01, true}, at::kBFloat16);
  const std::vector<at::Tensor> first = run_kernels(given).all(), again = run_kernels(given).all();
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], again[i]));
}

}  // namespace
