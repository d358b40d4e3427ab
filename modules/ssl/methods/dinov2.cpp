// DINOv2: iBOT with heads of their own for pictures and tokens, prototypes that share the batch evenly, and embeddings
// spread evenly. Oquab et al., "DINOv2: learning robust visual features without supervision", TMLR 2024.
#include "ssl/token_distillation.h"

namespace ssl {
namespace {

struct Dinov2Options : TokenDistillationOptions {
  Dinov2Options() {
    sinkhorn = true;
    one_head = false;
    koleo = 0.1;
  }
};

class Dinov2 final : public TokenDistillation {
 public:
  Dinov2(const Dinov2Options& options, const Setup& setup) : TokenDistillation("dinov2", options, setup) {}
};

}  // namespace

extern const MethodEntry dinov2_entry;
const MethodEntry dinov2_entry{
    .name = "dinov2",
    .help = "ibot with prototypes shared out evenly, and embeddings of a batch spread evenly",
    .family = "self-distillation",
    .year = 2024,
    .needs = "2 large views with hidden tokens and 4 small ones",
    .encoders = "vit, primus",
    .cost = 3.2,
    .choose = "a large archive and a large ViT whose embeddings are used as they are; wants batches of dozens",
    .loss = "ibot's with Sinkhorn answers, and minus the logarithm of the distance to the nearest other embedding",
    .formula = "dino(views) + ibot(hidden tokens) - 0.1 sum over large views of mean log |e - nearest other e|",
    .reference =
        "Oquab et al., DINOv2: learning robust visual features without supervision, TMLR 2024, arXiv "
        "2304.07193",
    .probe = "kNN",
    .improves = "divergence",
    .settings = SettingsOf<Dinov2Options, Dinov2>::defaults};

}  // namespace ssl
