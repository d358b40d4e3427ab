#pragma once
// augment's recipes as the views that data asks for.

#include <memory>
#include <vector>

#include "augment/recipe.h"
#include "data/view_maker.h"

namespace pipelines {

// One recipe a view, in order. `of_partner[v]`: view v is taken from the sample's second case; shorter than the recipes
// means no for the rest. Throws usage Error when there is no recipe.
std::shared_ptr<data::ViewMaker> view_maker(std::vector<augment::Recipe> recipes, std::vector<bool> of_partner = {});

}  // namespace pipelines
