#pragma once
// augment's recipes as the views that data asks for.

#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

#include "augment/gpu_views.h"
#include "augment/recipe.h"
#include "data/batch_maker.h"
#include "data/view_maker.h"

namespace pipelines {

// One recipe a view, in order. `of_partner[v]`: view v is taken from the sample's second case; shorter than the recipes
// means no for the rest. Throws usage Error when there is no recipe.
std::shared_ptr<data::ViewMaker> view_maker(std::vector<augment::Recipe> recipes, std::vector<bool> of_partner = {});

// Makes whole batches of what that maker drew: on the GPU, or one by one where a drawing has no form there.
std::shared_ptr<data::BatchMaker> batch_maker(std::shared_ptr<const data::ViewMaker> maker,
                                              std::unique_ptr<augment::GpuViews> gpu);

// For data.views_on: null for "cpu"; null too, with a line in the log, for "gpu" where the device or this build has no
// kernels. Throws usage Error for another word.
std::shared_ptr<const data::BatchMaker> batch_maker_on(const std::string& views_on, const c10::Device& device,
                                                       std::shared_ptr<const data::ViewMaker> maker);

// A channel or mask [D, H, W] of a view as a picture to look at. `type` is that of its elements.
volume::Volume volume_of(const at::Tensor& voxels, volume::VoxelType type, const volume::Geometry& geometry);

}  // namespace pipelines
