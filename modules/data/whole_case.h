#pragma once
// A whole case made small, as one view: what a learner sees of the data set as a whole before it begins.

#include <memory>

#include "data/view_maker.h"

namespace data {

// One view of this extent that shows the case from edge to edge, whatever its shape: along an axis where the case has
// more voxels the mean of those that come together, elsewhere linear between them. Nothing is drawn; no labels; valid
// is 1 everywhere; voxel_to_case tells the place. Reads the whole case, as float32, one at a time in each thread.
std::shared_ptr<const ViewMaker> whole_case(const volume::Shape& extent);

}  // namespace data
