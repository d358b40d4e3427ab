#include "augment/pick.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <type_traits>
#include <vector>

#include "augment/bend.h"
#include "augment/pick_row.h"
#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

// Farther from the case than any coordinate has to be told apart; keeps conversions to integers defined.
constexpr double kFar = 1e9;

// The whole shift, if the placing is nothing else.
bool is_shift(const Placing& placing, std::array<std::int64_t, 3>& begin) {
  if (placing.bent()) return false;
  for (int r = 0; r < 3; ++r) {
    const auto& row = placing.to_case.rows[r];
    for (int c = 0; c < 3; ++c) {
      if (row[c] != (r == c ? 1.0 : 0.0)) return false;
    }
    if (row[3] != std::floor(row[3])) return false;
    begin[r] = static_cast<std::int64_t>(std::clamp(row[3], -kFar, kFar));
  }
  return true;
}

volume::VoxelBox box_between(const std::array<std::int64_t, 3>& low, const std::array<std::int64_t, 3>& high) {
  return {low, {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}};
}

// Which columns of a source a shifted view shows, along one axis.
struct Columns {
  std::vector<std::int64_t> from;    // by column of the view: the column of the box, the nearest one inside
  std::int64_t first = 0, last = 0;  // of the view: those inside
  bool inside(std::int64_t i) const { return i >= first && i < last; }
};

Columns columns_of(std::int64_t begin, std::int64_t view, std::int64_t box_begin, std::int64_t box,
                   std::int64_t whole) {
  Columns columns;
  for (std::int64_t i = 0; i < view; ++i)
    columns.from.push_back(std::clamp<std::int64_t>(begin + i - box_begin, 0, box - 1));
  columns.first = std::clamp<std::int64_t>(-begin, 0, view);
  columns.last = std::clamp<std::int64_t>(whole - begin, columns.first, view);
  return columns;
}

// body(first voxel of a row of the view, first voxel of the row of the box it shows, is it inside).
template <class Body>
void for_each_row(const std::array<Columns, 3>& columns, const volume::Shape& view, const volume::Shape& box,
                  Body&& body) {
  for (std::int64_t d = 0; d < view.depth; ++d) {
    for (std::int64_t h = 0; h < view.height; ++h) {
      const auto z = static_cast<std::size_t>(d), y = static_cast<std::size_t>(h);
      body((d * view.height + h) * view.width, (columns[0].from[z] * box.height + columns[1].from[y]) * box.width,
           columns[0].inside(d) && columns[1].inside(h));
    }
  }
}

void copy_channel(const volume::Volume* channel, const std::array<Columns, 3>& columns, const volume::Shape& view,
                  float* out) {
  if (channel == nullptr) {
    std::fill_n(out, view.voxels(), 0.0f);
    return;
  }
  const Columns& along = columns[2];
  volume::with_type(channel->type(), [&]<class T>(T) {
    const T* const in = channel->voxels<T>().data();
    const auto scale = static_cast<float>(channel->scale), offset = static_cast<float>(channel->offset);
    const auto value = [&](T voxel) { return static_cast<float>(voxel) * scale + offset; };
    const auto row = [&](const T* from, std::int64_t count, float* to) {
      if constexpr (std::is_same_v<T, float>) {
        if (scale == 1 && offset == 0) return static_cast<void>(std::copy_n(from, count, to));
      } else if constexpr (std::is_same_v<T, std::int16_t>) {
        return scale_row({from, static_cast<std::size_t>(count)}, scale, offset, to);
      }
      std::transform(from, from + count, to, value);
    };
    for_each_row(columns, view, channel->shape(), [&](std::int64_t to, std::int64_t from, bool) {
      const auto at = [&](std::int64_t w) { return in[from + along.from[static_cast<std::size_t>(w)]]; };
      for (std::int64_t w = 0; w < along.first; ++w) out[to + w] = value(at(w));
      if (along.first < along.last)
        row(in + from + along.from[static_cast<std::size_t>(along.first)], along.last - along.first,
            out + to + along.first);
      for (std::int64_t w = along.last; w < view.width; ++w) out[to + w] = value(at(w));
    });
  });
}

void copy_rows(const std::array<std::int64_t, 3>& begin, const Source& source, const Patch& patch) {
  const volume::Shape& view = patch.image.shape;
  const volume::Shape& box = source.box.shape;
  std::array<Columns, 3> columns;
  for (int a = 0; a < 3; ++a) {
    const auto axis = static_cast<std::size_t>(a);
    columns[axis] = columns_of(begin[axis], view[a], source.box.begin[axis], box[a], source.case_shape[a]);
  }
  for (std::size_t c = 0; c < source.channels.size(); ++c)
    copy_channel(source.channels[c], columns, view, patch.image.channel(static_cast<std::int64_t>(c)).data());
  for_each_row(columns, view, box, [&](std::int64_t to, std::int64_t, bool inside) {
    std::uint8_t* const valid = patch.valid.data() + to;
    std::fill_n(valid, view.width, std::uint8_t{0});
    if (inside) std::fill(valid + columns[2].first, valid + columns[2].last, std::uint8_t{1});
  });
  if (source.labels == nullptr) return;
  volume::with_type(source.labels->type(), [&]<class T>(T) {
    const T* const in = source.labels->voxels<T>().data();
    for_each_row(columns, view, box, [&](std::int64_t to, std::int64_t from, bool inside) {
      std::int64_t* const out = patch.labels.data() + to;
      std::fill_n(out, view.width, std::int64_t{0});
      if (!inside) return;
      for (std::int64_t w = columns[2].first; w < columns[2].last; ++w)
        out[w] = static_cast<std::int64_t>(in[from + columns[2].from[static_cast<std::size_t>(w)]]);
    });
  });
}

template <class T>
void label_row(const RowPlaces& row, const RowSource& source, const T* in, std::int64_t* out) {
  for (std::size_t w = 0; w < row.width; ++w) {
    const voxel::Place place{row.corner[w], {row.part[0][w], row.part[1][w], row.part[2][w]}, row.inside[w] != 0};
    out[w] = place.inside ? static_cast<std::int64_t>(voxel::voted(source, place, in)) : 0;
  }
}

// A channel that rows are read of: as it lies, or turned into float32.
class Readable {
 public:
  explicit Readable(const volume::Volume* channel) : channel_(channel) {
    if (channel == nullptr || channel->type() == volume::VoxelType::kFloat32) return;
    const volume::Shape& shape = channel->shape();
    if (channel->type() == volume::VoxelType::kInt16 && shape.width > 1 && shape.voxels() <= kMostInt16) return;
    turned_ = channel->as_float();
    channel_ = &turned_;
  }

  void row(const RowSource& source, const RowPlaces& places, float* out) const {
    if (channel_ == nullptr) {
      std::fill_n(out, places.width, 0.0f);
      return;
    }
    const RowScale scale{static_cast<float>(channel_->scale), static_cast<float>(channel_->offset)};
    if (channel_->type() == volume::VoxelType::kInt16) {
      interpolate_row(source, places, channel_->voxels<std::int16_t>().data(), scale, out);
    } else {
      interpolate_row(source, places, channel_->voxels<float>().data(), scale, out);
    }
  }

 private:
  static constexpr std::int64_t kMostInt16 = std::int64_t{1} << 30;
  const volume::Volume* channel_;
  volume::Volume turned_;
};

}  // namespace

volume::VoxelBox reach(const Placing& placing, const volume::Shape& view, const volume::Shape& of_case) {
  std::array<std::int64_t, 3> begin{}, low{}, high{};
  if (is_shift(placing, begin)) {
    for (int a = 0; a < 3; ++a) {
      low[a] = std::clamp<std::int64_t>(begin[a], 0, of_case[a] - 1);
      high[a] = std::clamp<std::int64_t>(begin[a] + view[a] - 1, 0, of_case[a] - 1);
    }
    return box_between(low, high);
  }
  constexpr double kRounding = 1e-6;
  for (int r = 0; r < 3; ++r) {
    const auto& row = placing.to_case.rows[r];
    double least = row[3], most = row[3];
    for (int c = 0; c < 3; ++c) {
      const double from = -placing.bend[c], to = static_cast<double>(view[c] - 1) + placing.bend[c];
      least += std::min(row[c] * from, row[c] * to);
      most += std::max(row[c] * from, row[c] * to);
    }
    const std::int64_t last = of_case[r] - 1;
    const auto whole = [](double x) { return static_cast<std::int64_t>(std::floor(std::clamp(x, -kFar, kFar))); };
    low[r] = std::clamp<std::int64_t>(whole(least - kRounding), 0, std::max<std::int64_t>(last - 1, 0));
    high[r] = std::clamp<std::int64_t>(whole(most + kRounding) + 1, std::min(low[r] + 1, last), last);
  }
  return box_between(low, high);
}

void pick(const Placing& placing, const Source& source, const Patch& patch) {
  std::array<std::int64_t, 3> begin{};
  if (is_shift(placing, begin)) return copy_rows(begin, source, patch);
  const volume::Shape& view = patch.image.shape;
  const RowSource rows = box_of(source.box, source.case_shape);
  std::deque<Readable> channels;
  for (const volume::Volume* const channel : source.channels) channels.emplace_back(channel);
  RowPlaces row(static_cast<std::size_t>(view.width));
  Bend bend(view, placing.bent() ? placing.bend_cells : 1, placing.bend, placing.bend_seed);
  for (std::int64_t d = 0; d < view.depth; ++d) {
    if (placing.bent()) bend.plane(d);
    for (std::int64_t h = 0; h < view.height; ++h) {
      RowLine line{voxel::line_of(placing.to_case.rows, static_cast<std::int32_t>(d), static_cast<std::int32_t>(h))};
      if (placing.bent()) line.bend = &bend.row(h);
      find_row(rows, line, row);
      const std::int64_t to = (d * view.height + h) * view.width;
      std::int64_t c = 0;
      for (const Readable& channel : channels) channel.row(rows, row, patch.image.channel(c++).data() + to);
      std::copy_n(row.inside.begin(), view.width, patch.valid.begin() + to);
      if (source.labels == nullptr) continue;
      volume::with_type(source.labels->type(), [&]<class T>(T) {
        label_row(row, rows, source.labels->voxels<T>().data(), patch.labels.data() + to);
      });
    }
  }
}

}  // namespace augment
