#include "volume/face.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

namespace volume {
namespace {

constexpr double kStepMm = 4;  // the picture is looked at in these steps
constexpr double kLeastWideMm = 100, kMostWideMm = 210, kLeastDeepMm = 130, kMostDeepMm = 270;
constexpr double kAirMm = 8;                              // in front of the skin
constexpr double kBelowCrownMm = 80, kEndOfFaceMm = 170;  // eyes, nose and mouth lie between
constexpr double kFallsBackMm = 30;                       // from the forehead: there is no face any more
constexpr double kFaceMm = 20, kWithoutCrownMm = 40;      // levels that are enough

constexpr std::string_view kHeads[] = {"",         "HEAD", "BRAIN",  "SKULL",          "EYE",      "ORBIT",
                                       "HEADNECK", "NECK", "CSPINE", "CERVICAL SPINE", "WHOLEBODY"};

bool may_be_a_head(std::string_view body_part) {
  return body_part.starts_with("other-") ||
         std::find(std::begin(kHeads), std::end(kHeads), body_part) != std::end(kHeads);
}

// The grid in steps along the patient's own axes: 0 to the left, 1 to the back, 2 upwards.
class Steps {
 public:
  explicit Steps(const Volume& image) : image_(image) {
    std::array<bool, 3> taken{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      std::size_t best = 3;
      const auto& direction = image.geometry.direction[axis];
      for (std::size_t to = 0; to < 3; ++to) {
        if (!taken[to] && (best == 3 || std::abs(direction[to]) > std::abs(direction[best]))) best = to;
      }
      taken[best] = true;
      along_[best] = {axis, direction[best] < 0};
    }
  }

  std::int64_t count(std::size_t to) const {
    const std::size_t axis = along_[to].axis;
    const double mm = static_cast<double>(size(axis)) * image_.geometry.spacing_mm[axis];
    return std::max<std::int64_t>(1, std::llround(mm / kStepMm));
  }

  std::size_t voxel(std::array<std::int64_t, 3> step) const {
    std::array<std::int64_t, 3> at{};
    for (std::size_t to = 0; to < 3; ++to) {
      const auto [axis, falling] = along_[to];
      const auto place = static_cast<std::int64_t>((static_cast<double>(step[to]) + 0.5) *
                                                   static_cast<double>(size(axis)) / static_cast<double>(count(to)));
      const std::int64_t last = size(axis) - 1, inside = std::clamp<std::int64_t>(place, 0, last);
      at[axis] = falling ? last - inside : inside;
    }
    return static_cast<std::size_t>((at[0] * image_.shape().height + at[1]) * image_.shape().width + at[2]);
  }

 private:
  struct Along {
    std::size_t axis = 0;
    bool falling = false;
  };
  std::int64_t size(std::size_t axis) const { return image_.shape()[static_cast<int>(axis)]; }

  const Volume& image_;
  std::array<Along, 3> along_{};
};

// A level of the body, in steps.
struct Level {
  std::int64_t front = 0, deep = 0, wide = 0;
  bool free = false;  // air in front and at one side at least

  bool like_a_head() const {
    const double wide_mm = static_cast<double>(wide) * kStepMm, deep_mm = static_cast<double>(deep) * kStepMm;
    return free && wide_mm >= kLeastWideMm && wide_mm <= kMostWideMm && deep_mm >= kLeastDeepMm &&
           deep_mm <= kMostDeepMm && deep >= wide;
  }
};

// First and last of what holds at least two steps of content.
std::optional<std::array<std::int64_t, 2>> span_of(const std::vector<int>& counts) {
  const auto holds = [](int count) { return count >= 2; };
  const auto first = std::find_if(counts.begin(), counts.end(), holds);
  if (first == counts.end()) return std::nullopt;
  const auto last = std::find_if(counts.rbegin(), counts.rend(), holds);
  return std::array<std::int64_t, 2>{first - counts.begin(), counts.rend() - last - 1};
}

// Steps that are content, row after row from the front, each from right to left.
std::vector<char> content_at(const Volume& image, const Steps& steps, std::int64_t height, double stored) {
  std::vector<char> content;
  const bool falling = image.scale < 0;
  with_type(image.type(), [&]<class T>(T) {
    const auto voxels = image.voxels<T>();
    for (std::int64_t p = 0; p < steps.count(1); ++p) {
      for (std::int64_t l = 0; l < steps.count(0); ++l) {
        const auto value = static_cast<double>(voxels[steps.voxel({l, p, height})]);
        content.push_back(falling ? value < stored : value > stored);
      }
    }
  });
  return content;
}

// The largest connected piece alone: a head without its holder, which is seen in CT alone. (In MR skin and brain may be
// two pieces, and a chest many.)
void keep_largest(std::vector<char>& content, std::size_t columns) {
  std::vector<std::size_t> best, piece;
  std::vector<char> left = content;
  for (std::size_t start = 0; start < left.size(); ++start) {
    if (!left[start]) continue;
    piece.assign(1, start);
    left[start] = 0;
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const std::size_t at = piece[i];
      const auto visit = [&](bool there, std::size_t next) {
        if (!there || !left[next]) return;
        left[next] = 0;
        piece.push_back(next);
      };
      visit(at % columns > 0, at - 1);
      visit(at % columns + 1 < columns, at + 1);
      visit(at >= columns, at - columns);
      visit(at + columns < left.size(), at + columns);
    }
    if (piece.size() > best.size()) best.swap(piece);
  }
  std::fill(content.begin(), content.end(), char{0});
  for (const std::size_t at : best) content[at] = 1;
}

std::optional<Level> level_at(const Volume& image, const Steps& steps, std::int64_t height, double stored,
                              bool holder) {
  std::vector<int> columns(static_cast<std::size_t>(steps.count(0))), rows(static_cast<std::size_t>(steps.count(1)));
  std::vector<char> content = content_at(image, steps, height, stored);
  if (holder) keep_largest(content, columns.size());
  for (std::size_t i = 0; i < content.size(); ++i) {
    rows[i / columns.size()] += content[i];
    columns[i % columns.size()] += content[i];
  }
  const auto across = span_of(columns), through = span_of(rows);
  if (!across || !through) return std::nullopt;
  const auto air = static_cast<std::int64_t>(kAirMm / kStepMm);
  const bool left = (*across)[0] > 0, right = (*across)[1] + 1 < static_cast<std::int64_t>(columns.size());
  return Level{(*through)[0], (*through)[1] - (*through)[0] + 1, (*across)[1] - (*across)[0] + 1,
               (*through)[0] >= air && (left || right)};
}

// From the crown down; whether the crown itself is there.
bool face_below(const std::vector<std::optional<Level>>& levels, bool crown) {
  const auto in_mm = [](std::size_t count) { return static_cast<double>(count) * kStepMm; };
  std::size_t heads = 0, faces = 0;
  std::int64_t forehead = INT64_MAX;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (!levels[i]) continue;
    const bool head = levels[i]->like_a_head();
    heads += head;
    if (head && in_mm(i) < kBelowCrownMm) forehead = std::min(forehead, levels[i]->front);
    if (in_mm(i) < kBelowCrownMm || in_mm(i) > kEndOfFaceMm || forehead == INT64_MAX) continue;
    const bool forward = static_cast<double>(levels[i]->front - forehead) * kStepMm <= kFallsBackMm;
    faces += forward && levels[i]->free && static_cast<double>(levels[i]->wide) * kStepMm >= kLeastWideMm;
  }
  return crown ? in_mm(faces) >= kFaceMm : in_mm(heads) >= kWithoutCrownMm;
}

}  // namespace

bool face_possible(const Volume& image, std::string_view modality, std::string_view body_part, double threshold) {
  if ((modality != "CT" && modality != "MR" && modality != "OT" && !modality.empty()) || !may_be_a_head(body_part))
    return false;
  const Steps steps(image);
  const double stored = (threshold - image.offset) / image.scale;
  std::vector<std::optional<Level>> levels;
  bool crown = false;
  for (std::int64_t height = steps.count(2) - 1; height >= 0; --height) {
    std::optional<Level> level = level_at(image, steps, height, stored, modality == "CT");
    if (levels.empty() && !level) {
      crown = true;  // air above
      continue;
    }
    levels.push_back(level);
  }
  if (levels.empty()) return false;
  // A stack of slices may end in the scalp.
  const bool small = levels.front() && static_cast<double>(levels.front()->wide) * kStepMm < kLeastWideMm;
  return face_below(levels, crown || small);
}

}  // namespace volume
