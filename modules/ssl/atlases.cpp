#include "ssl/atlases.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "losses/precision.h"
#include "ssl/parcels.h"

namespace ssl {
namespace {

constexpr std::int64_t kTogether = 32;  // cases read before they are laid over the atlases

// The cases at positions begin .. end - 1 of a pass, by `take` in parts: pictures [n, C, D, H, W], case numbers, ids.
template <class Take>
void read(data::BatchSource& pass, std::int64_t begin, std::int64_t end, std::int64_t together, Take&& take) {
  if (begin >= end) return;
  pass.seek(static_cast<std::uint64_t>(begin));
  std::vector<at::Tensor> pictures, cases;
  std::vector<std::string> ids;
  std::int64_t have = 0;
  for (std::int64_t position = begin; position < end;) {
    data::Batch batch = pass.next();
    const std::int64_t wanted = std::min(batch.size(), end - position);
    pictures.push_back(batch.views.at(0).images.narrow(0, 0, wanted).to(at::kCPU, at::kFloat));
    cases.push_back(batch.case_index.narrow(0, 0, wanted).to(at::kCPU));
    ids.insert(ids.end(), batch.ids.begin(), batch.ids.begin() + wanted);
    position += wanted;
    have += wanted;
    if (have < together && position < end) continue;
    take(at::cat(pictures), at::cat(cases), ids);
    pictures.clear();
    cases.clear();
    ids.clear();
    have = 0;
  }
}

}  // namespace

// Of this rank's share; rows of no case at its end.
struct Atlases::Found {
  at::Tensor cases;          // [share] int64, -1: none
  at::Tensor affine, bend;   // [share, atlases, ...]
  at::Tensor before, after;  // [share, atlases] float64: likeness
};

Atlases::Atlases(const AtlasOptions& options, std::int64_t channels, std::int64_t cases, const c10::Device& device)
    : options_(options), channels_(channels), device_(device), row_of_case_(at::full({cases}, -1, at::kLong)) {
  if (options.candidates < options.count)
    throw core::usage_error(fmt::format("{} atlases of {} candidates", options.count, options.candidates),
                            "raise atlas.candidates to atlas.count at least");
}

void Atlases::find(data::BatchSource& pass, runtime::Comm& comm) {
  const at::NoGradGuard no_gradient;
  const losses::WithoutAutocast exact;
  if (pass.epoch_size() < options_.count)
    throw core::usage_error(fmt::format("{} atlases of {} cases", options_.count, pass.epoch_size()),
                            "every atlas is a case of its own: lower atlas.count");
  at::Tensor pictures;
  choose(pass, comm, pictures);
  keep(lay_share_over(pictures, pass, comm), comm);
}

// Rank 0 looks at the candidates; what it chose goes to all.
void Atlases::choose(data::BatchSource& pass, runtime::Comm& comm, at::Tensor& pictures) {
  const std::int64_t n = options_.grid;
  at::Tensor parcels = at::zeros({options_.count, n, n, n}, at::kByte);
  pictures = at::zeros({options_.count, channels_, n, n, n});
  if (comm.rank() == 0) {
    const std::int64_t candidates = std::min(options_.candidates, pass.epoch_size());
    read(pass, 0, candidates, candidates,
         [&](const at::Tensor& all, const at::Tensor&, const std::vector<std::string>& ids) {
           GADOLIN_CHECK(all.sizes().slice(1) == pictures.sizes().slice(1));
           one_by_one(1, [&](std::int64_t) {
             const std::vector<std::int64_t> chosen = most_central(all, options_.count);
             for (std::size_t a = 0; a < chosen.size(); ++a) {
               const at::Tensor one = all[chosen[a]];
               pictures[static_cast<std::int64_t>(a)].copy_(one);
               parcels[static_cast<std::int64_t>(a)].copy_(parcels_of(one, options_.parcels, options_.compactness));
               core::log_info(fmt::format("case {} is atlas {} of {}, cut into {} parcels",
                                          ids[static_cast<std::size_t>(chosen[a])], a + 1, options_.count,
                                          options_.parcels));
             }
           });
         });
  }
  comm.barrier();
  parcels_ = parcels.to(device_);
  pictures = pictures.to(device_);
  comm.broadcast(parcels_, 0);
  comm.broadcast(pictures, 0);
  pictures = pictures.to(at::kCPU);
}

Atlases::Found Atlases::lay_share_over(const at::Tensor& pictures, data::BatchSource& pass,
                                       const runtime::Comm& comm) const {
  const std::int64_t all = pass.epoch_size(), share = (all + comm.size() - 1) / comm.size();
  const std::int64_t begin = std::min(share * comm.rank(), all), end = std::min(begin + share, all);
  const std::int64_t count = options_.count, points = options_.registration.control_points;
  Found found{at::full({share}, -1, at::kLong), at::zeros({share, count, 3, 4}),
              at::zeros({share, count, 3, points, points, points}, at::kHalf), at::zeros({share, count}, at::kDouble),
              at::zeros({share, count}, at::kDouble)};
  std::int64_t row = 0;
  read(pass, begin, end, kTogether, [&](const at::Tensor& part, const at::Tensor& cases, const auto&) {
    found.cases.narrow(0, row, part.size(0)).copy_(cases);
    one_by_one(part.size(0) * count, [&](std::int64_t task) {
      const std::int64_t i = task / count, a = task % count;
      const Deformation over = registered(part[i], pictures[a], options_.registration);
      const double window = options_.registration.window;
      found.affine[row + i][a].copy_(over.affine);
      found.bend[row + i][a].copy_(over.bend);
      found.before[row + i][a].fill_(
          alikeness_after(no_deformation(points, part.options()), part[i], pictures[a], window));
      found.after[row + i][a].fill_(alikeness_after(over, part[i], pictures[a], window));
    });
    row += part.size(0);
  });
  return found;
}

void Atlases::keep(const Found& found, runtime::Comm& comm) {
  comm.barrier();
  const auto gathered = [&](const at::Tensor& own) { return comm.all_gather(own.to(device_)).to(at::kCPU); };
  const at::Tensor cases = gathered(found.cases), kept = cases.ge(0).nonzero().squeeze(1);
  affine_ = gathered(found.affine).index_select(0, kept);
  bend_ = gathered(found.bend).index_select(0, kept);
  const at::Tensor before = gathered(found.before).index_select(0, kept);
  const at::Tensor after = gathered(found.after).index_select(0, kept);
  const at::Tensor of_row = cases.index_select(0, kept);
  row_of_case_.fill_(-1);
  for (std::int64_t row = 0; row < of_row.numel(); ++row) row_of_case_[of_row[row].item<std::int64_t>()] = row;
  if (comm.rank() == 0)
    core::log_info(fmt::format("{} cases are laid over it: local likeness {:.3f} before, {:.3f} after", of_row.numel(),
                               before.mean().item<double>(), after.mean().item<double>()));
}

at::Tensor Atlases::parcels_in(const data::View& view) const {
  GADOLIN_CHECK(known());
  const at::NoGradGuard no_gradient;
  const losses::WithoutAutocast exact;
  const at::Tensor row = row_of_case_.index_select(0, view.case_index.to(at::kCPU));
  const at::Tensor affine = affine_.index_select(0, row.clamp_min(0)).to(device_);
  const at::Tensor bend = bend_.index_select(0, row.clamp_min(0)).to(device_, at::kFloat);
  const at::Tensor places = places_in_case(view);
  at::Tensor asked = row.ge(0).to(device_).view({-1, 1, 1, 1});
  if (view.valid.defined()) asked = asked.logical_and(view.valid);
  const std::int64_t n = options_.grid;
  std::vector<at::Tensor> all;
  for (std::int64_t a = 0; a < options_.count; ++a) {
    const at::Tensor there = deformed({affine.select(1, a), bend.select(1, a)}, places);
    const at::Tensor inside = there.abs().le(1).all(1).logical_and(asked);
    const at::Tensor voxel =
        ((there + 1) * (static_cast<double>(n) / 2)).floor().clamp(0, static_cast<double>(n - 1)).to(at::kLong);
    const at::Tensor offset = (voxel.select(1, 0) * n + voxel.select(1, 1)) * n + voxel.select(1, 2);
    all.push_back(parcels_[a].take(offset).to(at::kLong).masked_fill(inside.logical_not(), -1));
  }
  return at::stack(all);
}

void Atlases::save(runtime::Archive& archive) const {
  if (!known()) return;
  archive.tensors["atlas.parcels"] = parcels_;
  archive.tensors["atlas.row_of_case"] = row_of_case_;
  archive.tensors["atlas.affine"] = affine_;
  archive.tensors["atlas.bend"] = bend_;
}

void Atlases::load(const runtime::Archive& archive) {
  const auto parcels = archive.tensors.find("atlas.parcels");
  if (parcels == archive.tensors.end()) return;
  parcels_ = parcels->second.to(device_);
  row_of_case_ = archive.tensors.at("atlas.row_of_case");
  affine_ = archive.tensors.at("atlas.affine");
  bend_ = archive.tensors.at("atlas.bend");
}

at::Tensor places_in_case(const data::View& view) {
  const losses::WithoutAutocast exact;
  const std::int64_t samples = view.images.size(0);
  GADOLIN_CHECK(static_cast<std::int64_t>(view.voxel_to_case.size()) == samples &&
                static_cast<std::int64_t>(view.case_shape.size()) == samples);
  const at::Tensor to_place = at::empty({samples, 3, 4});
  float* out = to_place.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < view.case_shape.size(); ++i) {
    for (int a = 0; a < 3; ++a) {
      const auto& row = view.voxel_to_case[i].rows[static_cast<std::size_t>(a)];
      const auto extent = static_cast<double>(view.case_shape[i][a]);
      for (std::size_t c = 0; c < 4; ++c)
        *out++ = static_cast<float>((2 * row[c] + (c == 3 ? 1 : 0)) / extent - (c == 3 ? 1 : 0));
    }
  }
  const auto extent = view.images.sizes().slice(2);
  const auto options = to_place.options().device(view.images.device());
  std::vector<at::Tensor> index = at::meshgrid(
      {at::arange(extent[0], options), at::arange(extent[1], options), at::arange(extent[2], options)}, "ij");
  index.push_back(at::ones(extent, options));
  return to_place.to(options).matmul(at::stack(index).flatten(1)).view({samples, 3, extent[0], extent[1], extent[2]});
}

}  // namespace ssl
