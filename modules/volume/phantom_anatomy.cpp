#include "volume/phantom_anatomy.h"

#include "core/error.h"

namespace volume::phantom {
namespace {

float covered(float distance, float blur) { return std::clamp(0.5f - distance / blur, 0.0f, 1.0f); }

Vec rotated(const std::array<float, 9>& m, const Vec& p) {
  return {m[0] * p.x + m[1] * p.y + m[2] * p.z, m[3] * p.x + m[4] * p.y + m[5] * p.z,
          m[6] * p.x + m[7] * p.y + m[8] * p.z};
}

}  // namespace

struct Anatomy::Here {
  float skin = 0;    // distance to the body's surface
  float cavity = 0;  // distance to the inner surface of the wall
  float above = 0;   // height over the diaphragm
};

void Mix::paint(Tissue with, float cover) {
  if (cover <= 0.002f) return;
  if (cover >= 0.998f) {
    count = 1;
    tissue[0] = with;
    part[0] = 1;
    return;
  }
  std::size_t place = 0, smallest = 0;
  const auto used = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < used; ++i) {
    part[i] *= 1 - cover;
    if (part[i] < part[smallest]) smallest = i;
  }
  while (place < used && tissue[place] != with) ++place;
  if (place == used && used == tissue.size()) {  // no room: the least tissue makes way
    part[smallest] += cover;
    tissue[smallest] = with;
    return;
  }
  if (place == used) {
    tissue[place] = with;
    part[place] = 0;
    ++count;
  }
  part[place] += cover;
}

Anatomy::Anatomy(const Patient& patient, Noise noise, float breath_mm)
    : patient_(patient), noise_(std::move(noise)), breath_(breath_mm) {}

Vec Anatomy::warped(const Vec& point) const {
  Vec p = point;
  for (std::size_t i = 0; i < patient_.wave.size(); ++i) {
    p = p + patient_.push[i] * std::sin(dot(patient_.wave[i], point) + patient_.phase[i]);
  }
  const float below = (point.z - 10) / 85, front = std::clamp((65 - point.y) / 40, 0.0f, 1.0f);
  p.z += breath_ * std::exp(-below * below) * front * front * (3 - 2 * front);
  return p;
}

float Anatomy::dome(const Vec& p) const {
  const auto half = [&](float centre, float height, float outer) {
    const float dx = p.x - centre, dy = p.y + 5;
    return height - (outer * dx > 0 ? 0.006f : 0.0022f) * dx * dx - 0.009f * dy * dy;
  };
  const float t = std::clamp((p.x + 25) / 50, 0.0f, 1.0f), s = t * t * (3 - 2 * t);
  return (1 - s) * half(-80, patient_.dome[1], -1) + s * half(80, patient_.dome[0], 1);
}

Anatomy::Here Anatomy::here(const Vec& p) const {
  const float waist = (p.z + 60) / 55, chest = std::max(p.z - 90, 0.0f) / 100;
  const float thin = 1 - 0.06f * std::exp(-waist * waist) - 0.12f * chest * chest;
  const float u = p.x / (patient_.width * thin), v = p.y / (patient_.depth * (1 - 0.08f * chest));
  const float round = std::sqrt(u * u + v * v), square = std::sqrt(std::sqrt(u * u * u * u + v * v * v * v));
  const float reach = std::max(0.55f * round + 0.45f * square, 1e-4f);
  Here at;
  at.skin = (reach - 1) * std::hypot(p.x, p.y) / reach;
  if (p.y > 50) at.skin += 7 * std::exp(-p.x * p.x / 200);  // the furrow of the back
  const float fat = patient_.fat * (1 - 0.35f * v) * (1 - 0.35f * std::clamp((p.z - 40) / 60, 0.0f, 1.0f));
  at.cavity = at.skin + fat + patient_.muscle;
  at.above = (p.z - dome(p)) * 0.75f;  // the dome is steep: nearer than straight down
  return at;
}

Vec Anatomy::local(Organ organ, const Vec& p) const {
  const Pose& pose = patient_.organs[organ];
  const Vec q = rotated(pose.turn, p - pose.centre);
  return {q.x / pose.scale.x, q.y / pose.scale.y, q.z / pose.scale.z};
}

// In the organ's units; the surface gets its own bumps.
float Anatomy::bumpy(Organ organ, const Vec& p, float distance) const {
  const Pose& pose = patient_.organs[organ];
  if (std::abs(distance) > 12) return distance;
  return distance + pose.bump_mm * noise_(p * (1 / 30.0f) + pose.bumps);
}

// Vessels run where two noises vanish together. Distance to the nearest, roughly.
float Anatomy::tube(const Vec& p, float unit_mm, float width, float shift) const {
  const Vec q = p * (1 / unit_mm);
  const float a = noise_(q + Vec{shift, 3.3f, 7.7f}), b = noise_(q + Vec{9.1f, shift, 1.9f});
  return (std::hypot(a, b) - width) * unit_mm * 0.8f;
}

float Anatomy::liver(const Vec& p) const { return liver_shape(p, here(p)); }

float Anatomy::liver_shape(const Vec& p, const Here& at) const {
  const Vec q = local(kOrganLiver, p);
  float shape = ellipsoid(q - Vec{-12, 8, 4}, {84, 78, 76});
  shape = joined(shape, ellipsoid(q - Vec{68, -38, 24}, {70, 38, 34}), 25);
  // The face that looks at stomach, pancreas and right kidney.
  shape = without(shape, -dot(q - Vec{22, 10, -22}, {0.52f, 0.30f, -0.80f}), 18);
  shape = without(shape, ellipsoid(q - Vec{8, 62, -50}, {42, 46, 62}), 14);
  shape = bumpy(kOrganLiver, p, shape);
  return std::max({shape, at.cavity + 3, at.above + 4});
}

void Anatomy::paint_wall(Mix& mix, const Vec& p, const Here& at, float blur) const {
  mix.paint(Tissue::kFat, covered(at.skin, blur));
  const float wall = std::max(at.cavity - patient_.muscle, -at.cavity);
  mix.paint(Tissue::kMuscle, covered(wall, blur));
  mix.paint(Tissue::kFat, covered(at.cavity, blur));  // what fills the space between organs
  for (const float side : {-1.0f, 1.0f}) {            // beside and before the spine
    mix.paint(Tissue::kMuscle, covered(ellipse(p.x - side * 31, p.y - 80, 23, 17), blur));
    const float psoas = std::clamp((-20 - p.z) / 6, 0.0f, 18.0f);
    if (psoas > 1) mix.paint(Tissue::kMuscle, covered(ellipse(p.x - side * 38, p.y - 48, psoas, psoas), blur));
  }
  if (p.z > -75 && std::abs(wall) < 20) {
    const float angle = std::atan2(std::abs(p.x), -p.y);  // 0 in front: ribs rise towards the back
    const float turns = (p.z - 48 * angle) / 30;
    const float along = (turns - std::round(turns)) * 30;
    const float rib = std::hypot(along * 0.95f, at.cavity - 5.5f) - 4.8f;
    const float reach = 0.35f + std::max(30 - p.z, 0.0f) / 75;  // the lower ones end at the side
    if (angle > reach) {
      mix.paint(Tissue::kBone, covered(rib, blur));
      mix.paint(Tissue::kMarrow, covered(rib + 3, blur));
    }
    if (p.z > 25 && angle < 0.5f) {
      mix.paint(Tissue::kMarrow, covered(std::max(std::abs(p.x) - 17, std::abs(at.cavity - 6) - 5), blur));
    }
  }
}

void Anatomy::paint_spine(Mix& mix, const Vec& p, float blur) const {
  const float bow = patient_.spine_bow * std::sin(p.z / 95 + patient_.spine_phase);
  const Vec q{p.x, p.y - 51 - bow, p.z};
  if (q.y < -32 || std::abs(q.x) > 52) return;
  const float turns = (q.z + 17) / 35;
  const float level = (turns - std::round(turns)) * 35;  // 0 in the middle of a vertebra
  const float body = ellipse(q.x, q.y, 23 + 0.012f * level * level, 17 + 0.008f * level * level);
  const float disc = 13.5f - std::abs(level);  // negative in the disc
  const float arch = std::max(ellipse(q.x, q.y - 27, 17, 13), std::abs(level) - 14);
  const float spine_process = std::max({std::abs(q.x) - 4, std::abs(q.y - 42) - 12, std::abs(level + 3) - 10});
  const float wings = std::max({std::abs(q.x) - 42, std::abs(q.y - 22) - 5, std::abs(level) - 6});
  const float posterior = joined(joined(arch, spine_process, 5), wings, 5);
  mix.paint(Tissue::kBone, covered(posterior, blur), kSpine);
  mix.paint(Tissue::kMarrow, covered(posterior + 4, blur));
  const float whole = std::min(body, posterior);
  mix.paint(Tissue::kBone, covered(body, blur), kSpine);
  mix.paint(Tissue::kMarrow, covered(std::max(body + 3, 3 - disc), blur));
  mix.paint(Tissue::kDisc, covered(std::max(body, disc), blur));
  if (whole < blur || q.y > 0) {
    mix.paint(Tissue::kFluid, covered(ellipse(q.x, q.y - 26, 10, 8), blur), kBackground);
    mix.paint(Tissue::kMedulla, covered(ellipse(q.x, q.y - 26, 5, 4), blur));  // the cord
  }
}

void Anatomy::paint_chest(Mix& mix, const Vec& p, const Here& at, float blur) const {
  const Vec q = local(kOrganHeart, p);
  const float heart = std::max(bumpy(kOrganHeart, p, ellipsoid(q, {57, 43, 48})), -at.above + 3);
  const float middle = ellipse(p.x - 4, p.y, 27, 100);
  const float lung = std::max({at.cavity + 4, 4 - at.above, -middle, 5 - heart});
  if (at.above < 6) {  // the diaphragm
    mix.paint(Tissue::kMuscle, covered(std::max(std::abs(at.above) - 3, at.cavity), blur));
  }
  if (lung < blur) {
    mix.paint(Tissue::kLung, covered(lung, blur), p.x > 0 ? kLungLeft : kLungRight);
    const float hilum = std::hypot(std::abs(p.x) - 30, p.y - 5);
    const float vessels = tube(p, 14, 0.27f - 0.0016f * std::min(hilum, 120.0f), 4.2f);
    if (lung < 0) mix.paint(Tissue::kBlood, 0.8f * covered(std::max(vessels, lung + 2), blur));
    if (mix.label == kBackground && lung < 0) mix.label = p.x > 0 ? kLungLeft : kLungRight;
  }
  if (heart < blur) {
    mix.paint(Tissue::kMyocardium, covered(heart, blur), kHeart);
    const Vec left = q - Vec{14, -6, -6}, right = q - Vec{-20, -2, 4};
    mix.paint(Tissue::kBlood, covered(std::max(ellipsoid(left, {26, 24, 31}), heart + 8), blur));
    mix.paint(Tissue::kBlood, covered(std::max(ellipsoid(right, {20, 30, 32}), heart + 3), blur));
  }
  mix.paint(Tissue::kMuscle, covered(std::max(ellipse(p.x - 2, p.y - 14, 8, 7), -at.above), blur));  // oesophagus
  if (p.z < 80) return;
  mix.paint(Tissue::kBlood, covered(capsule(p, {10, -18, 95}, {-8, -24, 190}, 13), blur), kAorta);
  mix.paint(Tissue::kBlood, covered(capsule(p, {-24, -10, 88}, {-24, -14, 190}, 9), blur), kBackground);
  mix.paint(Tissue::kGas, covered(capsule(p, {0, 2, 138}, {0, -2, 220}, 9), blur));  // trachea
}

void Anatomy::paint_bowel(Mix& mix, const Vec& p, const Here& at, float blur) const {
  const float region = std::max({at.cavity + 6, at.above + 25, p.y - 38, (p.z + 8) + 0.1f * std::abs(p.x)});
  if (region < blur) {
    const float loops = noise_(p * (1 / 13.0f) + Vec{5, 11, 2});
    const float bowel = std::max(region, (-0.08f - loops) * 16);
    mix.paint(Tissue::kBowel, covered(bowel, blur));
    const float inner = std::max(bowel + 4, (0.12f - loops) * 16);
    const float kind = noise_(p * (1 / 60.0f) + Vec{1, 2, 3}) - 0.012f * (p.y + 20);
    mix.paint(kind > 0.45f ? Tissue::kGas : Tissue::kFood, covered(inner, blur));
  }
  for (const float side : {-1.0f, 1.0f}) {
    const float x = side * (patient_.width - patient_.fat - patient_.muscle - 36), top = side > 0 ? -15.0f : -62.0f;
    const float wave = 3.5f * std::sin(p.z / 7);  // haustra
    const float colon = std::max(capsule(p, {x, 18, top}, {x, 18, -260}, 19 + wave), at.cavity + 4);
    mix.paint(Tissue::kBowel, covered(colon, blur));
    const float gas = p.y < 12 + 6 * std::sin(p.z / 31 + side) ? 1.0f : 0.0f;
    mix.paint(gas > 0 ? Tissue::kGas : Tissue::kFood, covered(colon + 4, blur));
  }
}

void Anatomy::paint_stomach(Mix& mix, const Vec& p, const Here& at, float blur) const {
  const Vec q = local(kOrganStomach, p);
  if (length(q) > 110) return;
  float shape = ellipsoid(q - Vec{14, 24, 24}, {37, 36, 36});
  shape = joined(shape, capsule(q, {8, 0, 5}, {-5, -28, -28}, 27), 20);
  shape = joined(shape, capsule(q, {-8, -28, -30}, {-52, -22, -34}, 16), 16);
  shape = std::max({bumpy(kOrganStomach, p, shape), at.cavity + 4, at.above + 7});
  mix.paint(Tissue::kBowel, covered(shape, blur), kStomach);
  mix.paint(Tissue::kFood, covered(shape + 4.5f, blur));
  mix.paint(Tissue::kGas, covered(std::max(shape + 4.5f, q.y + 24), blur));  // air rises to the front
}

void Anatomy::paint_pancreas(Mix& mix, const Vec& p, float blur) const {
  const Vec q = local(kOrganPancreas, p);
  if (length(q) > 90) return;
  float shape = capsule(q, {-40, 2, -16}, {-34, -2, 0}, 15);
  shape = joined(shape, capsule(q, {-34, -3, 0}, {5, -9, 8}, 10), 10);
  shape = joined(shape, capsule(q, {5, -9, 8}, {52, 14, 20}, 10), 10);
  mix.paint(Tissue::kPancreas, covered(bumpy(kOrganPancreas, p, shape), blur), kPancreasLabel);
}

void Anatomy::paint_spleen(Mix& mix, const Vec& p, const Here& at, float blur) const {
  const Vec q = local(kOrganSpleen, p);
  if (length(q) > 90) return;
  float shape = ellipsoid(q, {25, 36, 52});
  shape = without(shape, ellipsoid(q - Vec{-33, -12, 0}, {25, 30, 48}), 12);
  shape = std::max({bumpy(kOrganSpleen, p, shape) * patient_.spleen, at.cavity + 3, at.above + 4});
  mix.paint(Tissue::kSpleen, covered(shape, blur), kSpleenLabel);
}

void Anatomy::paint_liver(Mix& mix, const Vec& p, const Here& at, float blur) const {
  if (p.z < -130 || p.x > 130) return;
  const float shape = liver_shape(p, at);
  if (shape > 40) return;
  const float bladder = capsule(p, {-48, -40, -38}, {-56, -56, -66}, 13);
  mix.paint(Tissue::kFluid, covered(std::max(bladder, at.cavity + 3), blur));
  if (shape > blur) return;
  mix.paint(Tissue::kLiver, covered(shape, blur), kLiverLabel);
  if (shape > 0) return;
  const float hilum = length(p - Vec{-25, 0, 0});
  mix.paint(Tissue::kBlood, covered(std::max(tube(p, 21, 0.22f - 0.0012f * hilum, 6.4f), shape + 4), blur));
  for (std::size_t i = 0; i < patient_.lesions.size(); ++i) {
    const Lesion& lesion = patient_.lesions[i];
    const Vec to = p - lesion.centre;
    if (dot(to, to) > 2.5f * dot(lesion.radii, lesion.radii)) continue;
    float edge = ellipsoid(to, lesion.radii) + 2.2f * noise_(p * (1 / 11.0f) + Vec{2, 8, 5});
    edge = std::max(edge, shape + 1);
    mix.paint(Tissue::kLesion, covered(edge, blur), kLesionLabel);
    mix.paint(Tissue::kFluid, 0.6f * covered(edge + 0.65f * lesion.radii.x, blur));  // a soft centre
    if (edge < 0) mix.lesion = static_cast<std::uint8_t>(i + 1);
  }
}

void Anatomy::paint_kidney(Mix& mix, const Vec& p, bool left, float blur) const {
  const Organ organ = left ? kOrganLeftKidney : kOrganRightKidney;
  Vec q = local(organ, p);
  if (!left) q.x = -q.x;  // one shape model: medial is -x
  if (length(q) > 75) return;
  float shape = ellipsoid(q, {27, 24, 53});
  const float hilum = ellipsoid(q - Vec{-25, -8, 0}, {20, 13, 17});
  shape = bumpy(organ, p, without(shape, hilum, 8));
  mix.paint(Tissue::kCortex, covered(shape, blur), left ? kKidneyLeft : kKidneyRight);
  const float pyramids = 3.0f * std::sin(q.z / 5.5f) * std::cos(std::atan2(q.y, q.x + 8) * 3);
  mix.paint(Tissue::kMedulla, covered(shape + 10 + pyramids, blur));
  const float pelvis = std::max(ellipsoid(q - Vec{-10, -3, 0}, {12, 8, 24}), shape + 6);
  mix.paint(Tissue::kFluid, 0.8f * covered(pelvis, blur));
}

Mix Anatomy::at(const Vec& point, float blur) const {
  Mix mix;
  if (std::hypot(point.x / patient_.width, point.y / patient_.depth) > 1.5f) return mix;
  const Vec p = warped(point);
  const Here at = here(p);
  if (at.skin > blur) return mix;
  paint_wall(mix, p, at, blur);
  if (at.cavity < 14) {
    if (at.above > -8) paint_chest(mix, p, at, blur);
    if (at.above < blur) {
      paint_bowel(mix, p, at, blur);
      paint_stomach(mix, p, at, blur);
      paint_pancreas(mix, p, blur);
      paint_kidney(mix, p, true, blur);
      paint_kidney(mix, p, false, blur);
      paint_spleen(mix, p, at, blur);
      paint_liver(mix, p, at, blur);
    }
  }
  paint_spine(mix, p, blur);
  const float sway = 4 * std::sin(p.z / 70);
  const float cava = std::max(ellipse(p.x + 21, p.y - 24 - 0.5f * sway, 12, 9), p.z - 45);
  mix.paint(Tissue::kBlood, covered(cava, blur), kBackground);
  const float aorta = ellipse(p.x - 9 - sway, p.y - 21, 10.5f, 10.5f);
  mix.paint(Tissue::kBlood, covered(aorta, blur), kAorta);
  mix.texture = 0.6f * noise_(p * (1 / 8.0f)) + 0.4f * noise_(p * (1 / 3.7f) + Vec{13, 5, 9});
  return mix;
}

}  // namespace volume::phantom
