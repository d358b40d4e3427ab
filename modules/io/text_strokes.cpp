#include "io/text_strokes.h"

#include <algorithm>
#include <cstring>

namespace io {
namespace {

std::uint8_t least(std::uint8_t a, std::uint8_t b) { return a < b ? a : b; }
std::uint8_t most(std::uint8_t a, std::uint8_t b) { return a < b ? b : a; }

// Of each value and the six that follow at steps of `step`, what `pick` says.
template <std::uint8_t (*pick)(std::uint8_t, std::uint8_t)>
void over_seven(const std::uint8_t* __restrict from, std::uint8_t* __restrict to, std::size_t count, std::size_t step) {
  static_assert(kStrokeWindow == 7);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* at = from + i;
    to[i] = pick(pick(pick(at[0], at[step]), pick(at[2 * step], at[3 * step])),
                 pick(pick(at[4 * step], at[5 * step]), at[6 * step]));
  }
}

// What is left when everything thinner than kStrokeWindow along one axis is taken away (an opening): windows of seven,
// first their lowest value, then of those the highest. `step` is from one value to the next along the axis.
void open_along(std::size_t step, const Plane& from, Plane& to, Plane& room) {
  const std::size_t before = 6 * step, count = from.size() - before;
  std::fill(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(before), std::uint8_t{0});
  over_seven<least>(from.data(), room.data() + before, count, step);
  over_seven<most>(room.data(), to.data(), count, step);
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(count), to.end(), std::uint8_t{0});
}

// 255 where values stand out from the lower of both openings.
void mark(const std::uint8_t* __restrict values, const std::uint8_t* __restrict across,
          const std::uint8_t* __restrict along, std::uint8_t* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t ground = least(across[i], along[i]);
    to[i] = static_cast<std::uint8_t>(values[i] - ground) >= kStrokeContrast ? 255 : 0;
  }
}

struct Run {
  int begin, end;
  int shape;
};

int root_of(std::vector<int>& parents, int shape) {
  while (parents[static_cast<std::size_t>(shape)] != shape) {
    auto& above = parents[static_cast<std::size_t>(shape)];
    above = parents[static_cast<std::size_t>(above)];
    shape = above;
  }
  return shape;
}

// Runs of strokes in a row of the mask.
void runs_of(const std::uint8_t* row, int columns, std::vector<Run>& runs) {
  runs.clear();
  int c = 0;
  for (;;) {
    const void* next = std::memchr(row + c, 255, static_cast<std::size_t>(columns - c));
    if (next == nullptr) return;
    const int begin = static_cast<int>(static_cast<const std::uint8_t*>(next) - row);
    for (c = begin; c < columns && row[c] != 0; ++c) {
    }
    runs.push_back({begin, c, -1});
    if (c >= columns) return;
  }
}

}  // namespace

Padded::Padded(const GrayPicture& picture, bool dark)
    : rows(static_cast<std::size_t>(picture.rows)),
      stride(static_cast<std::size_t>(picture.columns) + kStrokeWindow),
      clipped(picture.clipped),
      values((rows + kStrokeWindow) * stride) {
  const auto columns = static_cast<std::size_t>(picture.columns);
  const std::uint8_t turn = dark ? 255 : 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::uint8_t* from = picture.values.data() + r * columns;
    std::uint8_t* to = values.data() + r * stride;
    for (std::size_t c = 0; c < columns; ++c) to[c] = static_cast<std::uint8_t>(from[c] ^ turn);
  }
}

Strokes strokes_in(const Padded& picture) {
  const std::size_t size = picture.values.size();
  Strokes found{Plane(size), Plane(size), Plane(size)};
  open_along(1, picture.values, found.across, found.mask);
  open_along(picture.stride, picture.values, found.along, found.mask);
  mark(picture.values.data(), found.across.data(), found.along.data(), found.mask.data(), size);
  return found;
}

std::vector<Shape> shapes_of(const Plane& mask, const Padded& picture) {
  std::vector<Shape> shapes;
  std::vector<int> parents;
  std::vector<Run> above, here;
  const int columns = static_cast<int>(picture.stride - kStrokeWindow);
  for (int r = 0; r < static_cast<int>(picture.rows); ++r) {
    runs_of(mask.data() + static_cast<std::size_t>(r) * picture.stride, columns, here);
    std::size_t first = 0;
    for (Run& run : here) {
      while (first < above.size() && above[first].end < run.begin) ++first;
      for (std::size_t i = first; i < above.size() && above[i].begin <= run.end; ++i) {
        const int other = root_of(parents, above[i].shape);
        if (run.shape < 0) {
          run.shape = other;
          continue;
        }
        const int mine = root_of(parents, run.shape);
        if (mine == other) continue;
        Shape &into = shapes[static_cast<std::size_t>(mine)], &gone = shapes[static_cast<std::size_t>(other)];
        into = {std::min(into.top, gone.top), std::min(into.left, gone.left), std::max(into.bottom, gone.bottom),
                std::max(into.right, gone.right), into.pixels + gone.pixels};
        gone.pixels = 0;
        parents[static_cast<std::size_t>(other)] = mine;
        run.shape = mine;
      }
      if (run.shape < 0) {
        run.shape = static_cast<int>(shapes.size());
        parents.push_back(run.shape);
        shapes.push_back({r, run.begin, r, run.end - 1, 0});
      }
      Shape& shape = shapes[static_cast<std::size_t>(root_of(parents, run.shape))];
      shape.left = std::min(shape.left, run.begin);
      shape.right = std::max(shape.right, run.end - 1);
      shape.bottom = r;
      shape.pixels += run.end - run.begin;
    }
    above.swap(here);
  }
  return shapes;
}

}  // namespace io
