#pragma once
// One picture laid over another: where each of its places lies in the other one, found from the pictures alone.
//
// Pictures are [C, D, H, W], float32 or float64, on the CPU. A place is {d, h, w}, each in [-1, 1] from the outer edge
// of a picture's first voxel to that of its last: voxel i of n lies at (2 i + 1) / n - 1, whatever n is. Pure, without
// gradient; the same numbers on any number of threads as long as one thread of torch does the work (one_by_one).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "core/config.h"

namespace ssl {

// What lies at place p of the fixed picture lies at affine (p, 1) + bend(p) of the moving one. Several are stacked: one
// dimension more in front.
struct Deformation {
  at::Tensor affine;  // [3, 4]
  at::Tensor bend;    // [3, P, P, P] shifts at control points from edge to edge, linear in between; P >= 2
};
Deformation no_deformation(std::int64_t control_points, const at::TensorOptions& options);

// [3, D, H, W]: the places of the voxels of a picture of this extent.
at::Tensor voxel_places(at::IntArrayRef extent, const at::TensorOptions& options);
// N deformations, places [N, 3, D, H, W] of the fixed pictures: the places in the moving ones, of the same shape.
at::Tensor deformed(const Deformation& stacked, const at::Tensor& places);
// [N, C, D, H, W]: what pictures [N, C, ...] show at places [N, 3, D, H, W]; beyond their edge the nearest voxel.
at::Tensor picture_at(const at::Tensor& pictures, const at::Tensor& places);

// Mean over channels and voxels of (c^2 + e) / (v v' + e): c the covariance of both pictures, v and v' their variances,
// within a Gaussian window of this standard deviation in voxels about the voxel (infinite: the whole picture), e =
// 1e-3. In [0, 1]; 1 where one is a linear function of the other, and where both are of one value. For pictures of
// variance about 1. Avants et al., "Symmetric diffeomorphic image registration with cross-correlation", MedIA 2008.
struct Alikeness {
  double value = 0;
  at::Tensor gradient;  // of the value in the voxels of `moving`
};
Alikeness alikeness(const at::Tensor& fixed, const at::Tensor& moving, double window);

struct Registration {
  std::int64_t control_points = 8;
  std::int64_t iterations = 40;
  double window = 2;
  double stiffness = 0.5;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("control_points", &Registration::control_points,
              "of the bend along each axis of the case; a case's is kept, 6 bytes a point", Range{2, 64}),
        field("iterations", &Registration::iterations, "at each of up to three resolutions, of affine and bend each",
              Range{0, 10000}),
        field("window", &Registration::window,
              "standard deviation of the window within which likeness is looked at, voxels of each resolution; the "
              "affine "
              "map: twice that",
              Range{0.5, 1000}),
        field("stiffness", &Registration::stiffness,
              "weight of the mean squared change of the shift from point to point (as strain) against likeness",
              Range{0, 1000}),
    };
  }
};

// Of two pictures of one extent and as many channels; each channel is brought to mean 0 and variance 1 first. Affine,
// then bend, from coarse to fine, by descents that take no step after which the pictures are less alike: a picture laid
// over itself stays where it is, and so does one of one value. Rueckert et al., IEEE TMI 1999, with linear splines.
Deformation registered(const at::Tensor& fixed, const at::Tensor& moving, const Registration& settings);
// alikeness() of `fixed` and what `moving` shows once deformed, both brought to mean 0 and variance 1.
double alikeness_after(const Deformation& deformation, const at::Tensor& fixed, const at::Tensor& moving,
                       double window);

// body(i) for i in 0 .. count-1 on torch's threads, each with one thread of torch and no gradient: what it computes
// does not depend on how many there are.
void one_by_one(std::int64_t count, const std::function<void(std::int64_t)>& body);

// Each channel of [..., D, H, W] less its mean, over its standard deviation; 0 where it is of one value.
at::Tensor standardised_channels(const at::Tensor& pictures);

}  // namespace ssl
