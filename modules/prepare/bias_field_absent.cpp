// What a build without ITK says.
#include "core/error.h"
#include "prepare/bias_field.h"

namespace prepare {

void require_bias_correction() {
  throw core::usage_error("this gadolin was built without ITK and cannot correct bias fields",
                          "leave bias.correct off, or build with -DGADOLIN_IMAGING=ON");
}

volume::Volume without_bias(const volume::Volume& image, const BiasSettings&) {
  require_bias_correction();
  return image.clone();
}

}  // namespace prepare
