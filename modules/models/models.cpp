// The table of encoders: encoders/<name>.cpp exports <name>_entry, one X line lists it.

#include <ATen/ATen.h>

#include <array>

#include "core/error.h"
#include "models/encoder.h"

#define GADOLIN_ENCODERS(X) \
  X(resenc)                 \
  X(resnet)                 \
  X(vit)                    \
  X(primus)                 \
  X(swin_unetr)             \
  X(mednext)

namespace models {

#define GADOLIN_DECLARE_ENCODER(name) extern const EncoderEntry name##_entry;
GADOLIN_ENCODERS(GADOLIN_DECLARE_ENCODER)
#undef GADOLIN_DECLARE_ENCODER

std::span<const EncoderEntry* const> encoders() {
  static constexpr std::array table{
#define GADOLIN_LIST_ENCODER(name) &name##_entry,
      GADOLIN_ENCODERS(GADOLIN_LIST_ENCODER)
#undef GADOLIN_LIST_ENCODER
  };
  return table;
}

const EncoderEntry& encoder_named(const std::string& name) {
  std::vector<std::string> known;
  for (const EncoderEntry* entry : encoders()) {
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
  }
  std::string list;
  for (const std::string& each : known) list += (list.empty() ? "" : ", ") + each;
  const std::string close = core::nearest(name, known);
  throw core::usage_error("there is no encoder '" + name + "'; there are " + list,
                          close.empty() ? "" : "did you mean " + close + "?");
}

at::Tensor Encoder::embedding(const at::Tensor& image) {
  const at::Tensor coarsest = features(image).back().flatten(2);
  return (coarsest.scalar_type() == at::kDouble ? coarsest : coarsest.to(at::kFloat)).mean(2);
}

}  // namespace models
