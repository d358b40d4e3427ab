#include "prepare/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "core/error.h"
#include "core/parallel.h"
#include "prepare/foreground.h"
#include "prepare/mask.h"
#include "prepare/values.h"
#include "volume/reorient.h"

namespace prepare {
namespace {

constexpr std::int64_t kMostSampled = 10'000'000;  // values of one channel over all cases: 40 MB

using Samples = std::map<std::string, std::vector<float>>;  // by channel

const std::string& taken_for(const std::string& modality, const FingerprintOptions& options) {
  return modality == "OT" ? options.unknown_modality : modality;
}

// Before any voxel is read.
void check_options(const store::Reader& reader, const FingerprintOptions& options) {
  if (options.bias.correct) require_bias_correction();
  std::vector<std::string> modalities;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    for (const store::ChannelSummary& channel : reader.summary(i).channels)
      modalities.push_back(taken_for(channel.modality, options));
  }
  if (!modalities.empty()) check_mask(options.mask, modalities);
}

// The picture whose values count.
volume::Volume evened(const volume::Volume& image, const volume::VoxelBox& content, const FingerprintOptions& options) {
  const volume::Grid grid{image.geometry, image.shape()};
  const volume::VoxelBox all{{0, 0, 0}, grid.shape};
  return without_bias(volume::crop(image, options.crop ? grown(content, grid, options.margin_mm) : all), options.bias);
}

CaseFingerprint look_at(const store::Reader& reader, std::int64_t index, const FingerprintOptions& options,
                        std::int64_t most, Samples& samples) {
  CaseFingerprint result;
  const store::CaseSummary& summary = reader.summary(index);
  result.id = summary.id;
  result.shape = summary.shape;
  result.geometry = summary.geometry;
  try {
    volume::Case one = reader.load(index);
    for (volume::Channel& channel : one.channels) channel.modality = taken_for(channel.modality, options);
    keep_inside(one, options.mask);
    result.content = content_box(one);
    for (volume::Channel& channel : one.channels) {
      if (!channel.image) continue;
      if (options.bias.correct && channel.modality == "MR")
        channel.image = evened(*channel.image, result.content, options);
      Values values = values_of(*channel.image, channel.modality, most);
      if (values.statistics.voxels == 0) throw core::Error("channel '" + channel.name + "' has no finite voxel");
      samples[channel.name] = std::move(values.sample);
      result.channels[channel.name] = values.statistics;
    }
  } catch (const core::Error& error) {
    result.problem = error.what();
  } catch (const std::bad_alloc&) {
    result.problem = "out of memory";
  }
  return result;
}

// All two-valued, and of the same two values: constant cases hold one of them.
bool same_two_values(const std::vector<const ValueStatistics*>& cases, double lowest, double highest) {
  return lowest < highest && std::ranges::all_of(cases, [&](const ValueStatistics* one) {
           return one->two_values && (one->lowest == lowest || one->lowest == highest) &&
                  (one->highest == lowest || one->highest == highest);
         });
}

ValueStatistics pooled(const std::vector<CaseFingerprint>& cases, std::vector<Samples>& samples,
                       const std::string& name) {
  ValueStatistics all;
  std::vector<const ValueStatistics*> each;
  std::vector<float> values;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto found = cases[i].channels.find(name);
    if (!cases[i].problem.empty() || found == cases[i].channels.end()) continue;
    const ValueStatistics& one = found->second;
    all.lowest = each.empty() ? one.lowest : std::min(all.lowest, one.lowest);
    all.highest = each.empty() ? one.highest : std::max(all.highest, one.highest);
    all.voxels += one.voxels;
    each.push_back(&one);
    const std::vector<float>& sample = samples[i][name];
    values.insert(values.end(), sample.begin(), sample.end());
  }
  if (values.empty()) return all;
  std::ranges::sort(values);
  double sum = 0, squares = 0;
  const double count = static_cast<double>(values.size());
  for (const float value : values) sum += static_cast<double>(value);
  all.mean = sum / count;
  for (const float value : values) squares += std::pow(static_cast<double>(value) - all.mean, 2);
  all.deviation = std::sqrt(squares / count);
  all.percentile_00_5 = percentile(values, 0.5);
  all.median = percentile(values, 50);
  all.percentile_99_5 = percentile(values, 99.5);
  all.two_values = same_two_values(each, all.lowest, all.highest);
  return all;
}

void add_channels(const store::Reader& reader, const FingerprintOptions& options, std::vector<Samples>& samples,
                  Fingerprint& result) {
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    if (!result.cases[static_cast<std::size_t>(i)].problem.empty()) continue;
    for (const store::ChannelSummary& channel : reader.summary(i).channels) {
      if (!channel.present) continue;
      const std::string& modality = taken_for(channel.modality, options);
      auto found = std::ranges::find(result.channels, channel.name, &ChannelFingerprint::name);
      if (found == result.channels.end()) {
        result.channels.push_back({channel.name, modality, 0, {}});
        found = result.channels.end() - 1;
      }
      ++found->cases;
      if (found->modality != modality) found->modality = "OT";
    }
  }
  for (ChannelFingerprint& channel : result.channels) channel.values = pooled(result.cases, samples, channel.name);
}

void add_classes(const store::Reader& reader, Fingerprint& result) {
  double all = 0, labelled = 0;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& one = reader.summary(i);
    if (!one.has_labels || !result.cases[static_cast<std::size_t>(i)].problem.empty()) continue;
    all += static_cast<double>(one.shape.voxels());
    for (const auto& [label, voxels] : one.label_voxels) {
      result.class_share[label] += static_cast<double>(voxels);
      labelled += static_cast<double>(voxels);
    }
  }
  if (all == 0) return;
  result.class_share[0] = all - labelled;
  for (auto& [label, share] : result.class_share) share /= all;
}

}  // namespace

Fingerprint fingerprint(const store::Reader& reader, const FingerprintOptions& options) {
  check_options(reader, options);
  Fingerprint result;
  const auto count = static_cast<std::size_t>(reader.size());
  result.cases.resize(count);
  std::vector<Samples> samples(count);
  const std::int64_t most = std::clamp<std::int64_t>(kMostSampled / std::max<std::int64_t>(1, reader.size()), 100,
                                                     std::max<std::int64_t>(100, options.sampled_per_case));
  core::parallel_for(reader.size(), options.workers, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    result.cases[at] = look_at(reader, i, options, most, samples[at]);
    if (options.after_case && !options.after_case()) {
      throw core::Error("stopped before the plan was made", "the next run begins anew", core::Exit::kInterrupted);
    }
  });
  if (std::ranges::all_of(result.cases, [](const CaseFingerprint& one) { return !one.problem.empty(); })) {
    throw core::Error(
        count == 0 ? "the store has no case" : "no case of the store can be read: " + result.cases[0].problem,
        "gadolin ingest SOURCE STORE fills a store");
  }
  add_channels(reader, options, samples, result);
  add_classes(reader, result);
  return result;
}

}  // namespace prepare
