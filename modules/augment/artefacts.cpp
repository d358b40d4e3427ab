#include "augment/artefacts.h"

namespace augment {

std::vector<OpPointer> ops_of(const Artefacts& settings) {
  std::vector<OpPointer> ops;
  if (settings.motion.chance > 0) ops.push_back(make(settings.motion));
  if (settings.ghosting.chance > 0) ops.push_back(make(settings.ghosting));
  if (settings.spike.chance > 0) ops.push_back(make(settings.spike));
  if (settings.bias_field.chance > 0) ops.push_back(make(settings.bias_field));
  return ops;
}

}  // namespace augment
