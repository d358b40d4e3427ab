// What is told of a picture and of a case, and how they are shown.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <numeric>

#include "pipelines/inspect_subject.h"
#include "report/montage.h"

namespace pipelines {
namespace {

boost::json::array numbers(const std::array<double, 3>& values) { return {values[0], values[1], values[2]}; }

// Degrees between the grid's axes and the body's, of the axis that stands most askew.
double tilt_degrees(const volume::Geometry& geometry) {
  double least = 1;
  for (const volume::Point& axis : geometry.direction) {
    least = std::min(least, std::max({std::abs(axis[0]), std::abs(axis[1]), std::abs(axis[2])}));
  }
  return std::acos(std::min(1.0, least)) * 180 / 3.14159265358979323846;
}

std::string named_class(int label, const std::map<int, std::string>& names) {
  const auto found = names.find(label);
  return found == names.end() ? std::to_string(label) : fmt::format("{} {}", label, found->second);
}

report::MontageOptions options_for(const volume::Channel& channel, const std::map<int, std::string>& names) {
  report::MontageOptions options;
  options.window = window_for(channel);
  options.label_names = names;
  return options;
}

}  // namespace

std::string shape_text(const volume::Shape& shape) {
  return fmt::format("{} x {} x {}", shape.depth, shape.height, shape.width);
}

std::string spacing_text(const std::array<double, 3>& values) {
  return fmt::format("{:.4g} x {:.4g} x {:.4g}", values[0], values[1], values[2]);
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, units[unit]);
}

Fact fact(std::string name, std::string text) { return {std::move(name), text, boost::json::value(text)}; }
Fact fact(std::string name, std::int64_t count) { return {std::move(name), std::to_string(count), count}; }

std::vector<Fact> grid_facts(const volume::Shape& shape, const volume::Geometry& geometry) {
  const std::array<double, 3>& spacing = geometry.spacing_mm;
  const std::array<double, 3> extent{spacing[0] * static_cast<double>(shape.depth),
                                     spacing[1] * static_cast<double>(shape.height),
                                     spacing[2] * static_cast<double>(shape.width)};
  std::vector<Fact> facts{
      {"shape D x H x W", shape_text(shape), boost::json::array{shape.depth, shape.height, shape.width}},
      {"spacing mm", spacing_text(spacing), numbers(spacing)},
      {"extent mm", fmt::format("{:.1f} x {:.1f} x {:.1f}", extent[0], extent[1], extent[2]), numbers(extent)},
      fact("axes grow towards", volume::orientation(geometry))};
  const double tilt = tilt_degrees(geometry);
  if (tilt > 0.1) facts.push_back({"tilt degrees", fmt::format("{:.1f}", tilt), tilt});
  return facts;
}

std::vector<Fact> value_facts(const volume::Volume& image) {
  std::vector<Fact> facts{fact("voxels are", std::string(volume::name(image.type())))};
  if (image.scale != 1 || image.offset != 0) {
    facts.push_back(
        {"value is",
         fmt::format("voxel x {:g} {} {:g}", image.scale, image.offset < 0 ? "-" : "+", std::abs(image.offset)),
         boost::json::array{image.scale, image.offset}});
  }
  std::vector<double> values;
  double sum = 0;
  volume::with_type(image.type(), [&](auto kind) {
    for (const auto voxel : image.voxels<decltype(kind)>()) {
      const double value = static_cast<double>(voxel) * image.scale + image.offset;
      if (std::isfinite(value)) values.push_back(value), sum += value;
    }
  });
  const auto lost = image.shape().voxels() - static_cast<std::int64_t>(values.size());
  if (lost > 0) facts.push_back(fact("not finite", lost));
  if (values.empty()) return facts;
  const auto percentile = [&](double percent) {
    const auto at = values.begin() + std::llround(percent / 100 * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
  };
  const double mean = sum / static_cast<double>(values.size());
  const std::array<double, 5> marks{percentile(0), percentile(1), percentile(50), percentile(99), percentile(100)};
  facts.push_back({"values", fmt::format("{:.6g} .. {:.6g}, mean {:.6g}", marks[0], marks[4], mean),
                   boost::json::object{{"min", marks[0]}, {"max", marks[4]}, {"mean", mean}}});
  facts.push_back({"1, 50, 99 %", fmt::format("{:.6g}, {:.6g}, {:.6g}", marks[1], marks[2], marks[3]),
                   boost::json::array{marks[1], marks[2], marks[3]}});
  return facts;
}

std::vector<Fact> label_facts(const volume::Volume& label_map, const std::map<int, std::string>& names) {
  std::map<int, std::int64_t> voxels;
  volume::with_type(label_map.type(), [&](auto kind) {
    for (const auto voxel : label_map.voxels<decltype(kind)>()) ++voxels[static_cast<int>(voxel)];
  });
  const auto& spacing = label_map.geometry.spacing_mm;
  const double voxel_ml = spacing[0] * spacing[1] * spacing[2] / 1000;
  std::vector<Fact> facts;
  for (const auto& [label, count] : voxels) {
    if (label == 0) continue;
    const double ml = voxel_ml * static_cast<double>(count);
    facts.push_back({"class " + named_class(label, names), fmt::format("{} voxels, {:.3g} ml", count, ml),
                     boost::json::object{{"voxels", count}, {"ml", ml}}});
  }
  if (facts.empty()) facts.push_back(fact("classes", std::string("none but the background")));
  return facts;
}

std::vector<Fact> case_facts(const volume::Case& one, const std::map<int, std::string>& names) {
  std::vector<Fact> facts{fact("case", one.id)};
  const volume::Volume& reference = one.reference();
  for (Fact& each : grid_facts(reference.shape(), reference.geometry)) facts.push_back(std::move(each));
  for (const volume::Channel& channel : one.channels) {
    facts.push_back(fact("channel " + channel.name, channel.image ? channel.modality : "absent"));
    if (!channel.image) continue;
    for (Fact& each : value_facts(*channel.image)) {
      each.name = "  " + each.name;
      each.value = boost::json::object{{"channel", channel.name}, {"value", each.value}};
      facts.push_back(std::move(each));
    }
  }
  if (one.label_map) {
    for (Fact& each : label_facts(*one.label_map, names)) facts.push_back(std::move(each));
  }
  for (const auto& [name, value] : one.scalars) facts.push_back({"target " + name, fmt::format("{:g}", value), value});
  for (const auto& [name, text] : one.facts) facts.push_back(fact("told " + name, text));
  if (!one.boxes.empty()) facts.push_back(fact("boxes", static_cast<std::int64_t>(one.boxes.size())));
  if (!one.report.empty()) facts.push_back(fact("report characters", static_cast<std::int64_t>(one.report.size())));
  return facts;
}

std::optional<report::Window> window_for(const volume::Channel& channel) {
  if (channel.modality != "CT" || !channel.image) return std::nullopt;
  // Air tells Hounsfield units from values that were normalised.
  const report::Window all = report::window_by_percentiles(*channel.image, 0, 100);
  if (all.low > -500 || all.high < 100) return std::nullopt;
  return report::Window{-160, 240};
}

report::Picture case_picture(const volume::Case& one, const std::map<int, std::string>& names, std::int64_t slices) {
  std::vector<report::Picture> rows;
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    report::MontageOptions options = options_for(channel, names);
    options.slices_per_plane = slices;
    if (slices > 1) options.tile_pixels = 180;
    options.title = fmt::format("{}  {} {}", one.id, channel.name, channel.modality);
    rows.push_back(report::montage(*channel.image, one.label_map ? &*one.label_map : nullptr, nullptr, options));
  }
  return report::contact_sheet(rows, 1);
}

report::Picture small_picture(const volume::Case& one, const std::map<int, std::string>& names) {
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    report::MontageOptions options = options_for(channel, names);
    options.tile_pixels = 128;
    options.title = one.id;
    return report::montage(*channel.image, one.label_map ? &*one.label_map : nullptr, nullptr, options);
  }
  return report::Picture(8, 8, 3);
}

}  // namespace pipelines
