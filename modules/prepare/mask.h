#pragma once
// What of a picture is the patient's body, or the brain; all else becomes ground before anything is counted, cropped or
// normalised, so that table, headrest and noise of the air do not count.
//
// A rule for statistics and cropping, not a segmentation: classical, generous by some millimetres, on blocks of about
// 2 mm. Lengths are those of a person; where the picture's longest side is below 100 mm (an animal, a finger) they
// shrink with it.
//
// body: above -300 HU in CT, above ground_threshold() (coarse.h) elsewhere. What is thinner than 6 mm is cut off: the
//       shell of a table, but also the rim of an ear. Hollows of 50 mm and more (lungs) count as body before that, so
//       that a thin chest stays whole; a hollow table as thick as that stays as well. Parts of a fifth of the largest
//       and more stay (two legs), holes are filled, 3 mm are added. A case has one body: that of all its channels
//       together. A picture of two values is a mask already and masks nothing.
// brain: of a head in MR, from the case's first MR channel that is present: tissue well below the skin, parted from
//       skin, eyes and neck where what ties them is thinner than 10 mm; the largest part, closed, filled and 3 mm
//       added. Keeps some of the meninges, may keep some of neck and orbit.

#include <string>
#include <vector>

#include "prepare/morphology.h"
#include "volume/case.h"

namespace prepare {

inline const std::vector<std::string> kMasks{"none", "body", "brain"};

// Throws usage Error: no mask is called so, or brain where there is a CT channel or none of MR. `modalities` of the
// channels.
void check_mask(const std::string& mask, const std::vector<std::string>& modalities);

// Sets every voxel outside of the mask to ground, in place: -1000 HU in CT, else 0; a voxel type that has no such value
// becomes float32. Labelled voxels stay, and so does a case in which no body or brain is found. Throws as check_mask,
// and Error when there is no MR picture to find the brain in. Safe from many threads.
void keep_inside(volume::Case& one, const std::string& mask);

}  // namespace prepare
