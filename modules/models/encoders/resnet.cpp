// ResNet: He et al., "Deep residual learning", CVPR 2016, in 3D, in two forms. The small one is for small volumes: the
// first convolution keeps the resolution, blocks are those of "Bag of tricks" (CVPR 2019). The classic one is MONAI's.
//
// Group normalisation (Wu and He, ECCV 2018) takes the place of batch normalisation in both, for it is the same in
// training and evaluation, brings nothing of one sample into another's embedding, and gives the same numbers however a
// batch is shared by ranks or taken in parts. Batch normalisation is there as what weights from elsewhere need.

#include <array>
#include <numeric>
#include <string>

#include "core/error.h"
#include "models/classic_resnet.h"
#include "models/conv_encoder.h"

namespace models {
namespace {

struct Depth {
  std::int64_t depth;
  std::array<std::int64_t, 4> blocks;
  bool bottleneck;
};
constexpr std::array<Depth, 4> kDepths{
    {{10, {1, 1, 1, 1}, false}, {18, {2, 2, 2, 2}, false}, {34, {3, 4, 6, 3}, false}, {50, {3, 4, 6, 3}, true}}};
constexpr std::int64_t kWidening = 4;  // of a bottleneck

const Depth& depth_named(std::int64_t depth) {
  for (const Depth& each : kDepths) {
    if (each.depth == depth) return each;
  }
  throw core::usage_error("resnet: there is no depth " + std::to_string(depth), "depth must be 10, 18, 34 or 50");
}

struct ResnetSettings : EncoderSettings {
  std::string form = "small";
  std::int64_t depth = 18;
  std::int64_t base = 32;
  std::string norm = "group";
  std::int64_t groups = 8;
  std::int64_t smallest = 2;

  static constexpr auto fields() {
    return std::tuple{
        core::field("form", &ResnetSettings::form,
                    "small: for small volumes, a 3x3x3 stem; classic: names and numbers of MONAI's ResNet (with base "
                    "64), a 7x7x7 stem, four halvings"),
        core::field("depth", &ResnetSettings::depth,
                    "10, 18, 34, or 50, whose blocks are bottlenecks of four times as many channels",
                    core::Range{10, 50}),
        core::field("base", &ResnetSettings::base,
                    "channels of the first of four stages; each further stage has twice as many", core::Range{1, 512}),
        core::field("norm", &ResnetSettings::norm,
                    "group, instance, or (classic only) batch: by the statistics that weights from elsewhere brought "
                    "along, which stay as they are"),
        core::field("groups", &ResnetSettings::groups, "most groups of channels that are normalised together",
                    core::Range{1, 64}),
        core::field("smallest", &ResnetSettings::smallest,
                    "small form: an axis of the training patch is not halved below this many voxels",
                    core::Range{1, 64}),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }

  std::shared_ptr<Encoder> make(const Input& input) const override {
    const Depth& chosen = depth_named(depth);
    if (norm != "group" && norm != "instance" && norm != "batch")
      throw core::usage_error("resnet: there is no norm '" + norm + "'", "norm must be group, instance or batch");
    if (form == "classic") return classic(chosen, input);
    if (form != "small")
      throw core::usage_error("resnet: there is no form '" + form + "'", "form must be small or classic");
    if (norm == "batch")
      throw core::usage_error(
          "resnet: norm batch needs statistics that weights from elsewhere bring, and there are "
          "none of form small",
          "take norm: group, or form: classic");
    return small(chosen, input);
  }

 private:
  std::int64_t number_of_groups() const { return norm == "group" ? std::gcd(groups, base) : 0; }

  std::shared_ptr<Encoder> classic(const Depth& chosen, const Input& input) const {
    ClassicPlan plan;
    plan.blocks.assign(chosen.blocks.begin(), chosen.blocks.end());
    plan.bottleneck = chosen.bottleneck;
    plan.base = base;
    plan.groups = number_of_groups();
    plan.fixed_statistics = norm == "batch";
    return std::make_shared<ClassicResnet>(plan, input);
  }

  std::shared_ptr<Encoder> small(const Depth& chosen, const Input& input) const {
    ConvPlan plan;
    plan.stages = stages_for(input, static_cast<std::int64_t>(chosen.blocks.size()), smallest);
    plan.stages.resize(chosen.blocks.size(), Stage{{1, 1, 1}, {3, 3, 3}});
    plan.between.groups = number_of_groups();
    plan.bottleneck = chosen.bottleneck ? kWidening : 1;
    for (std::size_t s = 0; s < chosen.blocks.size(); ++s) {
      plan.channels.push_back((base * plan.bottleneck) << s);
      plan.blocks.push_back(chosen.blocks[s]);
    }
    return std::make_shared<ConvEncoder>(plan, input);
  }
};

}  // namespace

extern const EncoderEntry resnet_entry;
const EncoderEntry resnet_entry{"resnet", "ResNet-10 to ResNet-50: for classification, small volumes first of all",
                                [] { return std::unique_ptr<EncoderSettings>(std::make_unique<ResnetSettings>()); }};

}  // namespace models
