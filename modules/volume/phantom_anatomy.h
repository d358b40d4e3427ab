#pragma once
// What one phantom patient consists of, point by point.
//
// Patient coordinates are millimetres, LPS, about a point in front of the first lumbar vertebra, for a body of size 1.

#include <array>
#include <cstdint>
#include <vector>

#include "volume/phantom.h"
#include "volume/phantom_shapes.h"

namespace volume::phantom {

enum class Tissue : std::uint8_t {
  kAir,
  kFat,
  kMuscle,
  kBone,
  kMarrow,
  kDisc,
  kFluid,
  kLung,
  kLiver,
  kSpleen,
  kCortex,
  kMedulla,
  kBlood,
  kMyocardium,
  kFood,
  kGas,
  kBowel,
  kPancreas,
  kLesion,
  kCount
};
constexpr std::size_t kTissues = static_cast<std::size_t>(Tissue::kCount);

enum Label : std::uint8_t {
  kBackground,
  kLiverLabel,
  kSpleenLabel,
  kKidneyLeft,
  kKidneyRight,
  kLungLeft,
  kLungRight,
  kHeart,
  kAorta,
  kSpine,
  kStomach,
  kPancreasLabel,
  kLesionLabel
};

// The part of each tissue in one voxel.
struct Mix {
  int count = 1;
  std::array<Tissue, 6> tissue{};
  std::array<float, 6> part{1};
  std::uint8_t label = kBackground;
  std::uint8_t lesion = 0;  // number from 1
  float texture = 0;        // -1 .. 1, fine grain of the tissue

  void paint(Tissue with, float cover);
  // The label is that of whatever covers more than half, painted last.
  void paint(Tissue with, float cover, std::uint8_t as_label) {
    paint(with, cover);
    if (cover > 0.5f) label = as_label;
  }
};

// An organ's own place: rotated about x, y, z by `turn`, scaled, moved, and with a surface that is nobody else's.
struct Pose {
  Vec centre, scale{1, 1, 1};
  std::array<float, 9> turn{1, 0, 0, 0, 1, 0, 0, 0, 1};  // rows; patient to organ
  Vec bumps;                                             // where in the noise the surface comes from
  float bump_mm = 0;
};

struct Lesion {
  Vec centre, radii;
};

enum Organ : std::size_t {
  kOrganLiver,
  kOrganSpleen,
  kOrganLeftKidney,
  kOrganRightKidney,
  kOrganHeart,
  kOrganStomach,
  kOrganPancreas,
  kOrgans
};

struct Patient {
  bool ill = false;
  double severity = 0;                                    // 0..1
  double size = 1;                                        // of the whole body
  float width = 165, depth = 110, fat = 15, muscle = 13;  // body wall, mm
  std::array<float, 2> dome{38, 50};                      // height of the diaphragm, left and right
  float spine_bow = 0, spine_phase = 0;
  float spleen = 1;  // linear scale
  std::array<Pose, kOrgans> organs;
  std::array<Vec, 6> wave, push;  // warp: sum of push * sin(wave . p + phase)
  std::array<float, 6> phase{};
  std::vector<Lesion> lesions;
};

// What a stream of random numbers is for: the view of its DrawKey.
enum Drawn : std::uint32_t {
  kDrawPair,
  kDrawDisease,
  kDrawShape,
  kDrawNoise,
  kDrawLesions,
  kDrawSite,
  kDrawScan,
  kDrawContrast,
  kDrawSequence,
  kDrawGrain,
  kDrawReport
};

Patient draw_patient(const PhantomOptions& options, std::int64_t number);
Noise patient_noise(const PhantomOptions& options, std::int64_t number);

class Anatomy {
 public:
  // `breath_mm`: how far the organs below the diaphragm stand lower than in the patient's middle position.
  Anatomy(const Patient& patient, Noise noise, float breath_mm);

  // Tissues within about `blur_mm` around a point, given in patient coordinates.
  Mix at(const Vec& point, float blur_mm) const;
  // Distance to the liver's surface, negative inside; for placing lesions.
  float liver(const Vec& p) const;

 private:
  struct Here;  // what several organs ask of one point
  Vec warped(const Vec& point) const;
  float dome(const Vec& p) const;
  Here here(const Vec& p) const;
  Vec local(Organ organ, const Vec& p) const;
  float bumpy(Organ organ, const Vec& p, float distance) const;
  float tube(const Vec& p, float unit_mm, float width, float shift) const;
  float liver_shape(const Vec& p, const Here& at) const;
  void paint_wall(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_spine(Mix& mix, const Vec& p, float blur) const;
  void paint_chest(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_bowel(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_stomach(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_pancreas(Mix& mix, const Vec& p, float blur) const;
  void paint_spleen(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_liver(Mix& mix, const Vec& p, const Here& at, float blur) const;
  void paint_kidney(Mix& mix, const Vec& p, bool left, float blur) const;

  const Patient& patient_;  // outlives the anatomy
  Noise noise_;
  float breath_;
};

}  // namespace volume::phantom
