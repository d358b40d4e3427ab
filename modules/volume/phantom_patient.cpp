// What differs from patient to patient.
#include <numbers>

#include "volume/phantom_anatomy.h"

namespace volume::phantom {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

// Numbers of one patient; `strength` scales every difference from the mean shape.
class Draw {
 public:
  Draw(core::Rng rng, double strength) : rng_(rng), strength_(strength) {}
  float about(double mean, double spread) { return static_cast<float>(mean + strength_ * spread * bounded()); }
  float factor(double spread) { return static_cast<float>(std::exp(strength_ * spread * bounded())); }
  Vec shift(double spread) { return {about(0, spread), about(0, spread), about(0, spread)}; }
  Vec anywhere() { return {uniform(0, 32), uniform(0, 32), uniform(0, 32)}; }
  float uniform(double low, double high) { return static_cast<float>(rng_.uniform(low, high)); }
  core::Rng& rng() { return rng_; }

 private:
  double bounded() { return std::clamp(rng_.normal(), -2.2, 2.2); }
  core::Rng rng_;
  double strength_;
};

// Rotation by angles about x, then y, then z, in radians.
std::array<float, 9> rotation(float ax, float ay, float az) {
  const float cx = std::cos(ax), sx = std::sin(ax), cy = std::cos(ay), sy = std::sin(ay), cz = std::cos(az),
              sz = std::sin(az);
  return {cz * cy,
          cz * sy * sx - sz * cx,
          cz * sy * cx + sz * sx,
          sz * cy,
          sz * sy * sx + cz * cx,
          sz * sy * cx - cz * sx,
          -sy,
          cy * sx,
          cy * cx};
}

Pose pose(Draw& draw, const Vec& centre, const Vec& mean_angles, float spread_mm) {
  Pose p;
  p.centre = centre + draw.shift(spread_mm);
  const float whole = draw.factor(0.06);
  p.scale = {whole * draw.factor(0.05), whole * draw.factor(0.05), whole * draw.factor(0.05)};
  p.turn = rotation(mean_angles.x + draw.about(0, 0.08), mean_angles.y + draw.about(0, 0.08),
                    mean_angles.z + draw.about(0, 0.08));
  p.bumps = draw.anywhere();
  p.bump_mm = std::abs(draw.about(0, 1)) + draw.about(0, 0.4);
  p.bump_mm = std::clamp(1.5f + p.bump_mm, 0.5f, 4.0f);
  return p;
}

void draw_wall(Patient& patient, Draw& draw) {
  patient.size = static_cast<double>(draw.factor(0.055));
  const float girth = draw.factor(0.06);
  patient.width = 165 * girth;
  patient.depth = 110 * girth * draw.factor(0.03);
  patient.fat = std::max(5.0f, draw.about(15, 6) + (girth - 1) * 90);
  patient.width += patient.fat - 15;  // fat comes on top of the frame
  patient.depth += patient.fat - 15;
  patient.muscle = draw.about(13, 1.5);
  patient.dome = {draw.about(38, 5), draw.about(50, 5)};
  patient.spine_bow = draw.about(4, 2);
  patient.spine_phase = draw.about(0.4, 0.4);
}

void draw_organs(Patient& patient, Draw& draw) {
  const float wide = 0.85f * (patient.width - patient.fat - 150), deep = patient.depth - patient.fat - 95;
  auto& organs = patient.organs;
  organs[kOrganLiver] = pose(draw, {-68 - wide, -8, -12}, {}, 4);
  organs[kOrganSpleen] = pose(draw, {96 + wide, 34 + 0.5f * deep, 0}, {0.30f, -0.15f, 0.35f}, 4);
  organs[kOrganLeftKidney] = pose(draw, {66, 40 + 0.6f * deep, -52}, {-0.12f, 0.20f, -0.25f}, 5);
  organs[kOrganRightKidney] = pose(draw, {-66, 40 + 0.6f * deep, -64}, {-0.12f, -0.20f, 0.25f}, 5);
  organs[kOrganHeart] = pose(draw, {20, -26, 78}, {0, 0.5f, 0.2f}, 4);
  organs[kOrganStomach] = pose(draw, {52, -18, -4}, {0, 0, 0}, 5);
  organs[kOrganPancreas] = pose(draw, {12, -10, -38}, {0, 0, 0}, 4);
  organs[kOrganLiver].scale = organs[kOrganLiver].scale * 1.17f;
  const float severity = static_cast<float>(patient.severity);
  patient.spleen = (0.90f + 0.50f * severity) * std::exp(0.07f * static_cast<float>(draw.rng().normal()));
  Pose& spleen = organs[kOrganSpleen];
  spleen.scale = spleen.scale * patient.spleen;
  spleen.centre = spleen.centre + Vec{-22, -20, -34} * (patient.spleen - 1);  // it grows down, forward and inward
}

void draw_warp(Patient& patient, Draw& draw) {
  for (std::size_t i = 0; i < patient.wave.size(); ++i) {
    const float azimuth = draw.uniform(0, 2 * kPi), up = draw.uniform(-1, 1), flat = std::sqrt(1 - up * up);
    const float frequency = 2 * kPi / draw.uniform(130, 320);
    patient.wave[i] = Vec{flat * std::cos(azimuth), flat * std::sin(azimuth), up} * frequency;
    patient.push[i] = draw.shift(1.9);
    patient.phase[i] = draw.uniform(0, 2 * kPi);
  }
}

void draw_lesions(Patient& patient, const Noise& noise, core::Rng rng) {
  const auto wanted = static_cast<std::size_t>(1 + rng.below(1 + static_cast<std::uint64_t>(3.5 * patient.severity)));
  const Anatomy anatomy(patient, noise, 0);
  const auto between = [&](double low, double high) { return static_cast<float>(rng.uniform(low, high)); };
  Lesion deepest;
  float deepest_depth = 1e9f;
  std::vector<Lesion> found;
  for (int attempt = 0; attempt < 400 && found.size() < wanted; ++attempt) {
    const float radius = found.empty() ? between(14, 17 + 8 * patient.severity) : between(8, 17);
    Lesion lesion;
    lesion.centre = {between(-145, 30), between(-70, 75), between(-80, 45)};
    lesion.radii = Vec{between(0.85, 1.15), between(0.85, 1.15), between(0.85, 1.15)} * radius;
    const float depth = anatomy.liver(lesion.centre);
    if (depth < deepest_depth) {
      deepest_depth = depth;
      deepest = lesion;
    }
    bool free = depth < -0.8f * radius;
    for (const Lesion& other : found) {
      free = free && length(other.centre - lesion.centre) > 1.1f * (other.radii.x + radius) + 6;
    }
    if (free) found.push_back(lesion);
  }
  if (found.empty()) found.push_back(deepest);
  patient.lesions = std::move(found);
}

}  // namespace

Noise patient_noise(const PhantomOptions& options, std::int64_t number) {
  return Noise(
      core::Rng({static_cast<std::uint64_t>(options.seed), static_cast<std::uint64_t>(number), kDrawNoise, 0}));
}

Patient draw_patient(const PhantomOptions& options, std::int64_t number) {
  const auto seed = static_cast<std::uint64_t>(options.seed), id = static_cast<std::uint64_t>(number);
  Patient patient;
  // One of each pair is ill, so that the smallest cohort has both.
  patient.ill = core::Rng({seed, id / 2, kDrawPair, 0}).below(2) == id % 2;
  core::Rng disease({seed, id, kDrawDisease, 0});
  patient.severity = patient.ill ? disease.uniform(0.40, 1.0) : disease.uniform(0.0, 0.25);
  Draw draw(core::Rng({seed, id, kDrawShape, 0}), options.deformation);
  draw_wall(patient, draw);
  draw_organs(patient, draw);
  draw_warp(patient, draw);
  if (patient.ill && options.lesions) {
    draw_lesions(patient, patient_noise(options, number), core::Rng({seed, id, kDrawLesions, 0}));
  }
  return patient;
}

}  // namespace volume::phantom
