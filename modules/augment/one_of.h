#pragma once
// One op of several, or none.

#include <vector>

#include "augment/ops.h"

namespace augment {

// An op with the chance that it is the one.
struct Choice {
  double chance = 0;
  OpPointer op;
};

// Draws which op acts, then what that op draws; what is drawn and written to the log carries the name of the op that
// was chosen, so replay needs no op of this kind. With what is left of 1 none acts. Throws usage Error when there is no
// op, one of them picks, a chance is negative or all together are more than 1.
OpPointer one_of(std::vector<Choice> choices);

}  // namespace augment
