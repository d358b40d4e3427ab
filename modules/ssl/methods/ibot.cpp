// iBOT: DINO for whole pictures and for hidden tokens, with one head. Zhou et al., "Image BERT pre-training with online
// tokenizer", ICLR 2022.
#include "ssl/token_distillation.h"

namespace ssl {
namespace {

class Ibot final : public TokenDistillation {
 public:
  Ibot(const TokenDistillationOptions& options, const Setup& setup) : TokenDistillation("ibot", options, setup) {}
};

}  // namespace

extern const MethodEntry ibot_entry;
const MethodEntry ibot_entry{
    .name = "ibot",
    .help = "views and hidden tokens are answered as a slowly moving teacher answers who sees them",
    .family = "self-distillation",
    .year = 2022,
    .needs = "2 large views with hidden tokens and 4 small ones",
    .encoders = "vit, primus",
    .cost = 3.2,
    .choose = "one ViT for whole pictures and for places in them (segmentation), frozen or fine-tuned",
    .loss = "cross-entropy of the student's answer with the teacher's, to another view and to each hidden token",
    .formula = "dino(views) + mean over hidden tokens of -sum_k softmax_k((t - c) / 0.04) log softmax_k(s / 0.1)",
    .reference = "Zhou et al., iBOT: image BERT pre-training with online tokenizer, ICLR 2022, arXiv 2111.07832",
    .probe = "kNN",
    .improves = "divergence",
    .settings = SettingsOf<TokenDistillationOptions, Ibot>::defaults};

}  // namespace ssl
