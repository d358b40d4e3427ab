#include "augment/device_batch.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "augment/bend.h"
#include "augment/device_batch_place.h"
#include "augment/ops/block_mask.h"
#include "augment/ops/blur.h"
#include "augment/ops/low_resolution.h"
#include "augment/ops/mirror.h"
#include "augment/ops/warp.h"
#include "augment/pick_row.h"
#include "augment/recipe.h"
#include "core/error.h"

namespace augment {
namespace {

constexpr std::string_view kOrder[] = {"noise",          "blur",  "brightness", "contrast",
                                       "low_resolution", "gamma", "mirror",     "block_mask"};

constexpr std::size_t up16(std::size_t bytes) { return (bytes + 15) / 16 * 16; }

// What was drawn for the op of this name, unless it leaves the picture alone.
const Drawn* drawn_of(const Drawing& drawing, std::string_view op) {
  const auto found = std::ranges::find(drawing.ops, op, &Drawn::op);
  return found == drawing.ops.end() || found->skipped() ? nullptr : &*found;
}

// Numbers of 4 bytes, or bytes filled up to them, that samples and lanes point into.
class Words {
 public:
  template <class T>
  std::int32_t add(std::span<const T> values) {
    const std::size_t at = bytes_.size();
    if (at / 4 > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw core::Error("the tables of a batch are too large");
    bytes_.resize(at + (values.size_bytes() + 3) / 4 * 4);
    std::memcpy(bytes_.data() + at, values.data(), values.size_bytes());
    return static_cast<std::int32_t>(at / 4);
  }
  std::int32_t add(const AxisFilter& filter) {
    std::vector<std::int32_t> table[3];
    std::vector<float> weights;
    for (std::size_t i = 0; i < filter.first.size(); ++i) {
      table[0].push_back(static_cast<std::int32_t>(filter.first[i]));
      table[1].push_back(static_cast<std::int32_t>(filter.weights[i].size()));
      table[2].push_back(static_cast<std::int32_t>(weights.size()));
      weights.insert(weights.end(), filter.weights[i].begin(), filter.weights[i].end());
    }
    const std::int32_t at = add<std::int32_t>(table[0]);
    add<std::int32_t>(table[1]);
    add<std::int32_t>(table[2]);
    add<float>(weights);
    return at;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

void set_bend(const Placing& placing, const volume::Shape& view, Words& words, BatchSample& sample) {
  const Bend bend(view, placing.bend_cells, placing.bend, placing.bend_seed);
  sample.points = static_cast<std::int32_t>(bend.points());
  sample.control = words.add<float>(bend.control());
  for (int a = 0; a < 3; ++a) {
    const Bend::Knots& knots = bend.along(a);
    std::vector<std::int32_t> first;
    std::vector<float> weights;
    for (std::size_t i = 0; i < knots.first.size(); ++i) {
      first.push_back(static_cast<std::int32_t>(knots.first[i]));
      for (const std::vector<float>& weight : knots.weights) weights.push_back(weight[i]);
    }
    sample.first[a] = words.add<std::int32_t>(first);
    sample.weights[a] = words.add<float>(weights);
  }
}

BatchSample sample_of(const Drawing& drawing, const DeviceSource& source, Words& words) {
  BatchSample sample{};
  const Drawn& picked = drawing.ops[0];
  Placing placing;
  placing.to_case = op_named(picked.op).transform(picked, drawing.patch);
  if (picked.op == "warp") placing = warp_placing(picked);
  for (std::size_t r = 0; r < 3; ++r) std::ranges::copy(placing.to_case.rows[r], sample.map[r]);
  sample.box = box_of(source.box, drawing.of_case);
  sample.labels = source.labels;
  sample.label_bytes = source.label_bytes;
  if (placing.bent()) set_bend(placing, drawing.patch, words, sample);
  if (const Drawn* const mirror = drawn_of(drawing, "mirror"))
    std::ranges::copy(mirrored_axes(*mirror), sample.mirrored);
  sample.chosen = -1;
  if (const Drawn* const mask = drawn_of(drawing, "block_mask")) {
    const HiddenBlocks hidden = hidden_blocks(*mask, drawing.patch);
    for (std::size_t a = 0; a < 3; ++a) {
      sample.side[a] = static_cast<std::int32_t>(hidden.side[a]);
      sample.blocks[a] = static_cast<std::int32_t>(hidden.blocks[a]);
    }
    sample.chosen = words.add<std::uint8_t>(hidden.chosen);
    sample.erase = hidden.erase ? 1 : 0;
  }
  return sample;
}

// Hands the ops of a lane to stages: a change waits until voxels are read anyway, unless its result has to be measured.
class LanePlan {
 public:
  explicit LanePlan(BatchLane& lane) : lane_(lane) { lane_.stages[kPick].active = 1; }

  void then(Change change) { waiting_ = change; }
  void filter(int stage, std::int32_t table) {
    run(stage);
    lane_.stages[stage].filter = table;
  }
  // The moments of the voxels as they are now; what waits is done at `point` first.
  std::int8_t measured(int point) {
    if (waiting_ != Change::kNone) run(point);
    std::int8_t& measures = lane_.stages[last_].measures;
    measures = last_ == kPick ? 0 : last_ <= kPointAfterBlur ? 1 : last_ <= kPointBeforeGamma ? 2 : 3;
    return measures;
  }
  void finish() {
    lane_.direct = last_ == kPick && waiting_ == Change::kNone ? 1 : 0;
    if (lane_.direct == 0) run(kFinal);
  }

 private:
  void run(int stage) {
    GADOLIN_CHECK(stage > last_);
    lane_.stages[stage].active = 1;
    lane_.stages[stage].change = waiting_;
    waiting_ = Change::kNone;
    last_ = stage;
  }

  BatchLane& lane_;
  Change waiting_ = Change::kNone;
  int last_ = kPick;
};

void filter_lane(const AxisFilters& filters, std::size_t c, int first_stage, Words& words, LanePlan& plan) {
  for (std::size_t a = 0; a < 3; ++a) {
    const AxisFilter& filter = filters[3 * c + a];
    if (!filter.weights.empty()) plan.filter(first_stage + static_cast<int>(a), words.add(filter));
  }
}

// What was drawn for the ops that change values; empty where an op leaves the picture alone.
struct Values {
  const Drawn *noise, *brightness, *contrast, *gamma;
  AxisFilters blur, coarse;
};

Values values_of(const Drawing& drawing, std::int64_t channels) {
  Values values{drawn_of(drawing, "noise"),
                drawn_of(drawing, "brightness"),
                drawn_of(drawing, "contrast"),
                drawn_of(drawing, "gamma"),
                {},
                {}};
  const auto count = static_cast<std::size_t>(channels);
  if (values.noise) values.noise->require(2 + count);
  if (values.brightness) values.brightness->require(count);
  if (values.contrast) values.contrast->require(count);
  if (values.gamma) values.gamma->require(2 * count);
  if (const Drawn* const blur = drawn_of(drawing, "blur")) values.blur = blur_filters(*blur, channels, drawing.patch);
  if (const Drawn* const coarse = drawn_of(drawing, "low_resolution"))
    values.coarse = low_resolution_filters(*coarse, channels, drawing.patch);
  return values;
}

BatchLane lane_of(const Values& values, const DeviceChannel& channel, std::size_t c, Words& words) {
  BatchLane lane{};
  lane.voxels = channel.voxels;
  lane.stored = channel.stored;
  lane.scale = channel.scale;
  lane.offset = channel.offset;
  LanePlan plan(lane);
  if (values.noise) {
    lane.seed = seed_at(values.noise->values, 0);
    lane.noise = values.noise->values[2 + c];
    lane.noise_by = plan.measured(kPointAfterBlur);
    plan.then(Change::kNoise);
  }
  if (!values.blur.empty()) filter_lane(values.blur, c, kBlurD, words, plan);
  if (values.brightness || values.contrast) {
    lane.levels_by = plan.measured(kPointAfterBlur);
    lane.shift = values.brightness ? values.brightness->values[c] : 0;
    lane.contrast = values.contrast ? 1 : 0;
    lane.more = values.contrast ? static_cast<float>(values.contrast->values[c] - 1) : 0;
    plan.then(Change::kLevels);
  }
  if (!values.coarse.empty()) filter_lane(values.coarse, c, kCoarseD, words, plan);
  if (values.gamma) {
    const double power = values.gamma->values[2 * c];
    values.gamma->require(power > 0 && power <= 100, "power");
    lane.power = static_cast<float>(power);
    lane.upside_down = values.gamma->values[2 * c + 1] == 1 ? 1 : 0;
    if (lane.power != 1) {
      lane.gamma_by = plan.measured(kPointBeforeGamma);
      plan.then(Change::kRaise);
      lane.after_gamma = plan.measured(kPointGamma);
      plan.then(Change::kRestretch);
    }
  }
  plan.finish();
  return lane;
}

void require_fits(const Drawing& drawing, const DeviceSource& source, const Drawing& first, std::size_t channels) {
  if (!supports(drawing)) throw core::Error("this view has no form on a GPU: " + drawing.line(), "make it on the CPU");
  if (drawing.patch != first.patch || source.channels.size() != channels)
    throw core::Error("the views of a batch have one shape and one number of channels");
  const volume::VoxelBox need = drawing.box();
  for (std::size_t a = 0; a < 3; ++a) {
    const int axis = static_cast<int>(a);
    const std::int64_t begin = source.box.begin[a], end = begin + source.box.shape[axis];
    if (begin < 0 || end > drawing.of_case[axis] || begin > need.begin[a] || end < need.begin[a] + need.shape[axis])
      throw core::Error("the box of the case that was read does not hold what the view needs");
  }
  if (source.labels != nullptr && source.label_bytes != 1 && source.label_bytes != 2)
    throw core::Error("labels on a GPU are uint8 or uint16");
}

void note_use(const BatchLane& lane, std::array<StageUse, kStages>& use) {
  for (std::size_t s = 0; s < kStages; ++s) {
    use[s].active = use[s].active || lane.stages[s].active != 0;
    use[s].measures = use[s].measures || lane.stages[s].measures >= 0;
  }
}

}  // namespace

bool supports(const Drawing& drawing) {
  const std::int64_t longest = std::max({drawing.patch.depth, drawing.patch.height, drawing.patch.width});
  if (longest > kLongestSide || drawing.patch.voxels() > std::numeric_limits<std::int32_t>::max() - kVoxelsOfBlock)
    return false;
  if (drawing.ops.empty() || (drawing.ops[0].op != "crop" && drawing.ops[0].op != "warp")) return false;
  auto next = std::begin(kOrder);
  for (std::size_t i = 1; i < drawing.ops.size(); ++i) {
    next = std::find(next, std::end(kOrder), drawing.ops[i].op);
    if (next++ == std::end(kOrder)) return false;
  }
  return true;
}

volume::Transform voxel_to_case(const Drawing& drawing) {
  volume::Transform map;
  for (const Drawn& drawn : drawing.ops) {
    if (!drawn.skipped()) map = map.after(op_named(drawn.op).transform(drawn, drawing.patch));
  }
  return map;
}

PackedBatch pack(std::span<const Drawing> drawings, std::span<const DeviceSource> sources) {
  GADOLIN_CHECK(!drawings.empty() && drawings.size() == sources.size() && !sources[0].channels.empty());
  PackedBatch batch;
  batch.shape = drawings[0].patch;
  batch.samples = static_cast<std::int64_t>(drawings.size());
  batch.channels = static_cast<std::int64_t>(sources[0].channels.size());
  Words words;
  std::vector<BatchSample> samples;
  std::vector<BatchLane> lanes;
  for (std::size_t n = 0; n < drawings.size(); ++n) {
    require_fits(drawings[n], sources[n], drawings[0], sources[0].channels.size());
    samples.push_back(sample_of(drawings[n], sources[n], words));
    const Values values = values_of(drawings[n], batch.channels);
    for (std::size_t c = 0; c < sources[n].channels.size(); ++c) {
      lanes.push_back(lane_of(values, sources[n].channels[c], c, words));
      note_use(lanes.back(), batch.stages);
    }
  }
  if (lanes.size() > 65535) throw core::Error("a batch has at most 65535 channels in all its views");
  batch.lanes_at = up16(samples.size() * sizeof(BatchSample));
  batch.words_at = up16(batch.lanes_at + lanes.size() * sizeof(BatchLane));
  batch.tables.resize(up16(batch.words_at + words.bytes().size()));
  std::memcpy(batch.tables.data(), samples.data(), samples.size() * sizeof(BatchSample));
  std::memcpy(batch.tables.data() + batch.lanes_at, lanes.data(), lanes.size() * sizeof(BatchLane));
  std::ranges::copy(words.bytes(), batch.tables.begin() + static_cast<std::ptrdiff_t>(batch.words_at));
  return batch;
}

}  // namespace augment
