#include "io/dicom_stack.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/reject.h"

namespace io {
namespace {

using Vector = std::array<double, 3>;

constexpr std::size_t kFewestSlices = 4;
constexpr double kSameDirection = 1e-3;  // between direction cosines; files tell four digits or more
constexpr double kSpacingTolerance = 0.01;
constexpr double kMostTiltDegrees = 45;
constexpr double kAsideMm = 0.1, kAsideShare = 5e-4;

double dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

bool alike(const Vector& a, const Vector& b) {
  return std::abs(a[0] - b[0]) <= kSameDirection && std::abs(a[1] - b[1]) <= kSameDirection &&
         std::abs(a[2] - b[2]) <= kSameDirection;
}

std::string mm(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g mm", value);
  return text;
}

void require_regular(const std::vector<double>& places) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < places.size(); ++i) gaps.push_back(places[i] - places[i - 1]);
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = sorted[(sorted.size() - 1) / 2];
  const auto near = [&](double gap, double expected) { return std::abs(gap - expected) <= kSpacingTolerance * usual; };
  bool missing = false;
  for (const double gap : gaps) {
    if (near(gap, usual)) continue;
    const double steps = std::round(gap / usual);
    if (steps < 2 || !near(gap, steps * usual))
      throw reject("IRREGULAR_SPACING", "slices lie " + mm(sorted.front()) + " to " + mm(sorted.back()) + " apart",
                   "the series is no regular grid; resample it, or split it into its stacks");
    missing = true;
  }
  if (missing)
    throw reject("MISSING_SLICE", "slices lie " + mm(usual) + " apart, but once " + mm(sorted.back()),
                 "fetch the missing slices");
}

// What each slice lies aside of the straight line along the normal; nothing when that is within rounding.
std::optional<Shear> shear_of(std::span<const DicomHeader> slices, const std::vector<std::size_t>& order,
                              const Vector& normal) {
  const DicomHeader& first = slices[order.front()];
  const auto aside = [&](std::size_t i, double& length) {
    Vector step{};
    for (std::size_t c = 0; c < 3; ++c) step[c] = slices[i].position_mm[c] - first.position_mm[c];
    length = dot(step, normal);
    for (std::size_t c = 0; c < 3; ++c) step[c] -= length * normal[c];
    return step;
  };
  double length = 0, farthest = 0, uneven = 0;
  const Vector lean = aside(order.back(), length);
  for (const std::size_t i : order) {
    double along = 0;
    Vector step = aside(i, along);
    farthest = std::max(farthest, std::sqrt(dot(step, step)));
    for (std::size_t c = 0; c < 3; ++c) step[c] -= lean[c] * along / length;
    uneven = std::max(uneven, std::sqrt(dot(step, step)));
  }
  const double tolerance = std::max(kAsideMm, kAsideShare * length);
  if (farthest <= tolerance) return std::nullopt;
  const double degrees = std::atan2(std::sqrt(dot(lean, lean)), length) * 180 / std::acos(-1.0);
  if (uneven > tolerance || degrees > kMostTiltDegrees) {
    char text[96];
    std::snprintf(text, sizeof text, "slices lie up to %.3g mm aside of the stack (tilt %.1f degrees)", farthest,
                  degrees);
    throw reject("SLICES_ASIDE", text, "look whether slices of another stack are among them");
  }
  const double steps = static_cast<double>(order.size() - 1);
  return Shear{dot(lean, first.column) / steps / first.spacing_mm[0],
               dot(lean, first.row) / steps / first.spacing_mm[1], degrees};
}

}  // namespace

double along_normal(const DicomHeader& first, const DicomHeader& slice) {
  return dot(slice.position_mm, cross(first.row, first.column));
}

void require_one_kind(std::span<const DicomHeader> slices) {
  const DicomHeader& first = slices.front();
  const auto differs = [&](auto&& same) { return !std::all_of(slices.begin(), slices.end(), same); };
  if (differs([&](const DicomHeader& s) { return s.who.patient == first.who.patient; }))
    throw reject("PATIENT_MISMATCH", "the series holds images of two patients",
                 "do not use it; tell who keeps the archive, for one of them is filed under a wrong name");
  if (std::any_of(slices.begin(), slices.end(), [](const DicomHeader& s) { return s.localizer; }))
    throw reject("LOCALIZER", "the series is a localizer (scout)", "leave it out");
  if (differs([&](const DicomHeader& s) { return s.frame_of_reference == first.frame_of_reference; }))
    throw reject("FRAME_OF_REFERENCE", "the slices have two frames of reference, so their places do not compare",
                 "split the series where the patient was placed anew");
  if (differs([&](const DicomHeader& s) { return alike(s.row, first.row) && alike(s.column, first.column); }))
    throw reject("MIXED_ORIENTATION", "the slices are turned against each other",
                 "split the series by orientation: it may be a localizer or several stacks");
  if (differs([&](const DicomHeader& s) {
        return s.pixels.rows == first.pixels.rows && s.pixels.columns == first.pixels.columns;
      }))
    throw reject("MATRIX_MISMATCH", "the slices differ in rows or columns", "split the series by size");
  if (differs([&](const DicomHeader& s) { return s.pixels.type() == first.pixels.type(); }))
    throw reject("PIXEL_FORMAT", "the slices differ in bits or sign", "split the series");
  if (differs([&](const DicomHeader& s) {
        return std::abs(s.spacing_mm[0] - first.spacing_mm[0]) <= 1e-3 * first.spacing_mm[0] &&
               std::abs(s.spacing_mm[1] - first.spacing_mm[1]) <= 1e-3 * first.spacing_mm[1];
      }))
    throw reject("SPACING_MISMATCH", "the slices differ in pixel spacing", "split the series, or resample its images");
}

Stack stack_slices(std::span<const DicomHeader> slices) {
  GADOLIN_CHECK(!slices.empty());
  const DicomHeader& first = slices.front();
  const Vector normal = cross(first.row, first.column);
  Stack stack;
  stack.order.resize(slices.size());
  std::iota(stack.order.begin(), stack.order.end(), std::size_t{0});
  const auto place = [&](std::size_t i) { return along_normal(first, slices[i]); };
  std::sort(stack.order.begin(), stack.order.end(), [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
  std::vector<double> places;
  for (const std::size_t i : stack.order) places.push_back(place(i));
  if (slices.size() < kFewestSlices)
    throw reject("TOO_FEW_SLICES", "the series has " + std::to_string(slices.size()) + " slices, a volume needs " +
                                       std::to_string(kFewestSlices));
  stack.shear = shear_of(slices, stack.order, normal);
  require_regular(places);
  const double spacing = (places.back() - places.front()) / static_cast<double>(slices.size() - 1);
  stack.geometry.origin_mm = slices[stack.order.front()].position_mm;
  stack.geometry.spacing_mm = {spacing, first.spacing_mm[0], first.spacing_mm[1]};
  stack.geometry.direction = {normal, first.column, first.row};
  if (first.slice_spacing_mm && std::abs(*first.slice_spacing_mm - spacing) > kSpacingTolerance * spacing)
    stack.notes.emplace_back("SPACING_CONFLICT");
  return stack;
}

}  // namespace io
