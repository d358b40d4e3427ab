// The table of pretraining methods: one X each, by family and year.
#include <algorithm>
#include <array>

#include "core/named_entry.h"
#include "ssl/method.h"

#define GADOLIN_SSL_METHODS(X)  \
  /* contrastive             */ \
  X(simclr)                     \
  X(exemplar)                   \
  X(moco_v2)                    \
  X(moco_v3)                    \
  X(voxel_contrast)             \
  X(diet)                       \
  /* non-contrastive         */ \
  X(byol)                       \
  X(barlow_twins)               \
  X(simsiam)                    \
  X(vicreg)                     \
  X(lejepa)                     \
  /* clustering              */ \
  X(deepcluster)                \
  X(swav)                       \
  X(deepcluster_v2)             \
  /* self-distillation       */ \
  X(dino)                       \
  X(ibot)                       \
  X(voxel_distillation)         \
  X(dinov2)                     \
  X(dinov3)                     \
  /* masked                  */ \
  X(mae)                        \
  X(simmim)                     \
  X(spark)                      \
  /* predictive              */ \
  X(cpc)                        \
  X(i_jepa)                     \
  X(aim)                        \
  X(voco)                       \
  /* pretext                 */ \
  X(relative_position)          \
  X(jigsaw)                     \
  X(context_encoder)            \
  X(rotation)                   \
  X(context_restoration)        \
  X(rubik)                      \
  X(models_genesis)             \
  X(volume_fusion)              \
  X(gvsl)                       \
  X(parcellation)               \
  /* autoencoder             */ \
  X(denoising)                  \
  X(sparse_autoencoder)         \
  X(vae)                        \
  X(bigan)                      \
  /* hybrid                  */ \
  X(swin_unetr)                 \
  X(pcrl_v2)                    \
  X(mae_contrast)               \
  /* language                */ \
  X(clip)

namespace ssl {

#define X(name) extern const MethodEntry name##_entry;
GADOLIN_SSL_METHODS(X)
#undef X

std::span<const MethodEntry* const> methods() {
#define X(name) &name##_entry,
  static const MethodEntry* const kAll[] = {GADOLIN_SSL_METHODS(X)};
#undef X
  return kAll;
}

std::span<const std::string_view> method_families() {
  static constexpr std::array<std::string_view, 10> kAll{
      "contrastive", "non-contrastive", "clustering", "self-distillation", "masked", "predictive",
      "pretext",     "autoencoder",     "hybrid",     "language"};
  return kAll;
}

bool runs_with(const MethodEntry& entry, std::string_view encoder) {
  std::string_view rest = entry.encoders;
  if (rest == "any") return true;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(", "), rest.size());
    if (rest.substr(0, comma) == encoder) return true;
    rest.remove_prefix(std::min(comma + 2, rest.size()));
  }
  return false;
}

const MethodEntry& method_named(const std::string& name) {
  return core::entry_named(name, methods(), "there is no method '" + name + "'", "methods: ");
}

}  // namespace ssl
