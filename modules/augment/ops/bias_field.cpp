#include "augment/ops/bias_field.h"

#include <algorithm>
#include <cmath>

#include "augment/voxel_rows.h"

namespace augment {
namespace {

constexpr std::size_t kCoefficients = 19;

// The polynomial along a row of the view: its coefficients in w.
std::array<double, 4> along_width(const double* coefficient, double d, double h) {
  std::array<double, 4> row{};
  double of_d = 1;
  for (int i = 0; i <= 3; ++i, of_d *= d) {
    double of_h = 1;
    for (int j = 0; i + j <= 3; ++j, of_h *= h) {
      for (int k = 0; i + j + k <= 3; ++k) {
        if (i + j + k > 0) row[static_cast<std::size_t>(k)] += *coefficient++ * of_d * of_h;
      }
    }
  }
  return row;
}

double at_width(const std::array<double, 4>& row, double w) {
  return row[0] + w * (row[1] + w * (row[2] + w * row[3]));
}

// How far from the middle place i of `extent` lies.
double place(std::int64_t i, std::int64_t extent, double step) {
  return (static_cast<double>(i) - static_cast<double>(extent - 1) / 2) * step;
}

// Along the row, exp(cubic): the ratio of neighbours is exp of a square, the ratio of ratios exp of a line, and the
// ratio of those is constant. Begun anew often enough that rounding stays below a float's.
void change_row(float* voxels, std::int64_t width, double step, const std::array<double, 4>& row, float low) {
  constexpr std::int64_t kAnew = 64;
  for (std::int64_t first = 0; first < width; first += kAnew) {
    std::array<double, 4> at{};
    for (std::int64_t i = 0; i < 4; ++i) at[static_cast<std::size_t>(i)] = at_width(row, place(first + i, width, step));
    double field = std::exp(at[0]), ratio = std::exp(at[1] - at[0]), second = std::exp(at[2] - 2 * at[1] + at[0]);
    const double third = std::exp(at[3] - 3 * at[2] + 3 * at[1] - at[0]);
    for (std::int64_t w = first; w < std::min(first + kAnew, width); ++w) {
      voxels[w] += (voxels[w] - low) * static_cast<float>(field - 1);
      field *= ratio;
      ratio *= second;
      second *= third;
    }
  }
}

// Slopes more than curves, so that the field is felt throughout the view and not at its corners alone.
std::array<double, kCoefficients> draw_shape(core::Rng& rng) {
  std::array<double, kCoefficients> coefficient{};
  double* next = coefficient.data();
  for (int i = 0; i <= 3; ++i) {
    for (int j = 0; i + j <= 3; ++j) {
      for (int k = 0; i + j + k <= 3; ++k) {
        if (i + j + k > 0) *next++ = rng.uniform(-1, 1) * std::exp2(1 - i - j - k);
      }
    }
  }
  return coefficient;
}

class BiasFieldOp final : public Op {
 public:
  explicit BiasFieldOp(const BiasField& settings) : settings_(settings) {}
  std::string_view name() const override { return "bias_field"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values = steps(frame, patch);
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      const std::array<double, kCoefficients> coefficient = draw_shape(rng);
      const double greatest = greatest_size(coefficient.data(), values.data(), patch);
      const double wanted = std::log1p(rng.uniform(0, settings_.strength));
      for (const double each : coefficient) values.push_back(greatest > 0 ? each * wanted / greatest : 0);
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape& patch) const override {
    std::vector<double> values = steps(frame, patch);
    values.resize(3 + kCoefficients * static_cast<std::size_t>(frame.channels));
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(3 + kCoefficients * static_cast<std::size_t>(patch.image.channels));
    const double* step = drawn.values.data();
    drawn.require(std::all_of(step, step + 3, [](double each) { return each > 0 && each <= 2; }), "step");
    const volume::Shape& shape = patch.image.shape;
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const double* coefficient = step + 3 + kCoefficients * static_cast<std::size_t>(c);
      const std::span<float> voxels = patch.image.channel(c);
      const float low = contents_of(voxels).low;
      float* row = voxels.data();
      for (std::int64_t d = 0; d < shape.depth; ++d) {
        for (std::int64_t h = 0; h < shape.height; ++h, row += shape.width) {
          const auto along = along_width(coefficient, place(d, shape.depth, step[0]), place(h, shape.height, step[1]));
          change_row(row, shape.width, step[2], along, low);
        }
      }
    }
  }

 private:
  static std::vector<double> steps(const volume::Frame& frame, const volume::Shape& patch) {
    double longest_mm = 0;
    for (int a = 0; a < 3; ++a) longest_mm = std::max(longest_mm, static_cast<double>(patch[a]) * frame.spacing_mm[a]);
    std::vector<double> values;
    for (const double spacing : frame.spacing_mm) values.push_back(std::min(2.0, 2 * spacing / longest_mm));
    return values;
  }

  // Of the polynomial over the view, its outer faces among 9 places along each axis: the same for any spacing.
  static double greatest_size(const double* coefficient, const double* step, const volume::Shape& patch) {
    constexpr int kPlaces = 9;
    const auto spread = [&](int axis, int i) {
      return static_cast<double>(patch[axis]) * step[axis] * (static_cast<double>(i) / (kPlaces - 1) - 0.5);
    };
    double greatest = 0;
    for (int d = 0; d < kPlaces; ++d) {
      for (int h = 0; h < kPlaces; ++h) {
        const auto row = along_width(coefficient, spread(0, d), spread(1, h));
        for (int w = 0; w < kPlaces; ++w) greatest = std::max(greatest, std::abs(at_width(row, spread(2, w))));
      }
    }
    return greatest;
  }

  BiasField settings_;
};

}  // namespace

OpPointer make(const BiasField& settings) { return std::make_shared<const BiasFieldOp>(settings); }
const OpEntry bias_field_entry =
    entry_of<BiasFieldOp, BiasField>("bias_field", "brighter here and darker there, as a coil makes it");

}  // namespace augment
