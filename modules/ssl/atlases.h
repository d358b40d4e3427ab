#pragma once
// One case or several, cut into parcels without labels, and where every other case has these parcels: found once, by
// registration of small pictures of whole cases, and kept in a few kilobytes a case.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "data/dataset.h"
#include "runtime/archive.h"
#include "runtime/comm.h"
#include "ssl/registration.h"

namespace ssl {

struct AtlasOptions {
  std::int64_t count = 1, parcels = 16, candidates = 16, grid = 48;
  double compactness = 1;
  Registration registration;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("count", &AtlasOptions::count, "cases that are cut into parcels, each a question of its own",
              Range{1, 64}),
        field("parcels", &AtlasOptions::parcels, "of each atlas; the darkest counts as background to the Dice loss",
              Range{2, 256}),
        field("candidates", &AtlasOptions::candidates,
              "cases, drawn by the seed of the data, of which the most central become atlases; as many as atlases: "
              "those drawn",
              Range{1, 10000}),
        field("grid", &AtlasOptions::grid, "voxels along each axis at which whole cases are looked at", Range{8, 256}),
        field("compactness", &AtlasOptions::compactness,
              "weight of place against grey value in cutting parcels; higher: rounder ones", Range{0.01, 100}),
        field("registration", &AtlasOptions::registration, "how the other cases are laid over an atlas"),
    };
  }
};

// Its state is what was found. The same on any number of ranks and threads of one machine.
class Atlases {
 public:
  // `cases` of the store. Throws usage Error when fewer candidates than atlases are asked for.
  Atlases(const AtlasOptions& options, std::int64_t channels, std::int64_t cases, const c10::Device& device);

  bool known() const { return parcels_.defined(); }
  // From a pass over whole cases at `grid` voxels along each axis, of which each rank reads its share (rank 0 the
  // candidates too). All ranks come here. Throws usage Error when there are fewer cases than atlases.
  void find(data::BatchSource& pass, runtime::Comm& comm);

  // [atlases, N, D, H, W] int64 on the device: the parcel in which each voxel lies; -1 outside of its case, beyond the
  // edge of the atlas, and in a case that was not in the pass. What bends a view is not known of.
  at::Tensor parcels_in(const data::View& view) const;

  void save(runtime::Archive& archive) const;
  void load(const runtime::Archive& archive);

 private:
  struct Found;
  void choose(data::BatchSource& pass, runtime::Comm& comm, at::Tensor& pictures);
  Found lay_share_over(const at::Tensor& pictures, data::BatchSource& pass, const runtime::Comm& comm) const;
  void keep(const Found& found, runtime::Comm& comm);

  AtlasOptions options_;
  std::int64_t channels_;
  c10::Device device_;
  at::Tensor parcels_;      // [atlases, grid, grid, grid] uint8, on the device; undefined until found
  at::Tensor row_of_case_;  // [cases of the store] int64: row in the next two, or -1
  at::Tensor affine_;       // [cases of the pass, atlases, 3, 4] float32
  at::Tensor bend_;         // [cases of the pass, atlases, 3, P, P, P] float16
};

// [N, 3, D, H, W] float32 on the device of the view's images: the place of each voxel in its case (registration.h).
at::Tensor places_in_case(const data::View& view);

}  // namespace ssl
