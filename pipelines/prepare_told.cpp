#include "pipelines/prepare_told.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/error.h"
#include "core/progress.h"
#include "core/table.h"
#include "pipelines/inspect_subject.h"
#include "prepare/apply.h"
#include "store/shard.h"

namespace pipelines {
namespace {

std::string three_marks(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  if (values.front() == values.back()) return fmt::format("{:.4g}", values.front());
  return fmt::format("{:.4g} / {:.4g} / {:.4g}", values.front(), values[(values.size() - 1) / 2], values.back());
}

// Axes as the cases have them: what the plan makes of them is told by the plan.
core::Table grid_table(const std::vector<const prepare::CaseFingerprint*>& cases) {
  core::Table table{{"axis", "voxels", "of content", "spacing mm"}, {}};
  const char* const names[] = {"d", "h", "w"};
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> sides, contents, spacings;
    for (const prepare::CaseFingerprint* one : cases) {
      sides.push_back(static_cast<double>(one->shape[axis]));
      contents.push_back(static_cast<double>(one->content.shape[axis]));
      spacings.push_back(one->geometry.spacing_mm[static_cast<std::size_t>(axis)]);
    }
    table.add({names[axis], three_marks(sides), three_marks(contents), three_marks(spacings)});
  }
  return table;
}

core::Table value_table(const prepare::Fingerprint& cohort) {
  core::Table table{{"channel", "modality", "cases", "0.5 %", "median", "99.5 %", "mean", "deviation", "kind"}, {}};
  for (const prepare::ChannelFingerprint& channel : cohort.channels) {
    const prepare::ValueStatistics& v = channel.values;
    table.add({channel.name, channel.modality, std::to_string(channel.cases), fmt::format("{:.5g}", v.percentile_00_5),
               fmt::format("{:.5g}", v.median), fmt::format("{:.5g}", v.percentile_99_5), fmt::format("{:.5g}", v.mean),
               fmt::format("{:.5g}", v.deviation), v.two_values ? "two values" : "picture"});
  }
  return table;
}

std::vector<const prepare::CaseFingerprint*> usable_cases(const prepare::Fingerprint& cohort) {
  std::vector<const prepare::CaseFingerprint*> cases;
  for (const prepare::CaseFingerprint& one : cohort.cases) {
    if (one.problem.empty()) cases.push_back(&one);
  }
  return cases;
}

std::string orientations_text(const std::vector<const prepare::CaseFingerprint*>& cases) {
  std::map<std::string, std::int64_t> counts;
  for (const prepare::CaseFingerprint* one : cases) ++counts[volume::orientation(one->geometry)];
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

}  // namespace

std::string fingerprint_text(const prepare::Fingerprint& cohort, const std::map<int, std::string>& label_names) {
  const std::vector<const prepare::CaseFingerprint*> cases = usable_cases(cohort);
  std::string text = fmt::format("fingerprint of {} cases ({}), smallest / median / largest:\n", cases.size(),
                                 orientations_text(cases));
  text += core::to_text(grid_table(cases)) + "\n" + core::to_text(value_table(cohort));
  if (!cohort.class_share.empty()) {
    core::Table table{{"class", "name", "share of voxels"}, {}};
    for (const auto& [label, share] : cohort.class_share) {
      const auto name = label_names.find(label);
      table.add(
          {std::to_string(label), name == label_names.end() ? "" : name->second, fmt::format("{:.3g} %", 100 * share)});
    }
    text += "\n" + core::to_text(table);
  }
  return text;
}

boost::json::object fingerprint_json(const prepare::Fingerprint& cohort) {
  boost::json::object channels, classes;
  for (const prepare::ChannelFingerprint& channel : cohort.channels) {
    const prepare::ValueStatistics& v = channel.values;
    channels[channel.name] = boost::json::object{{"modality", channel.modality},
                                                 {"cases", channel.cases},
                                                 {"percentile_00_5", v.percentile_00_5},
                                                 {"median", v.median},
                                                 {"percentile_99_5", v.percentile_99_5},
                                                 {"mean", v.mean},
                                                 {"deviation", v.deviation},
                                                 {"two_values", v.two_values}};
  }
  for (const auto& [label, share] : cohort.class_share) classes[std::to_string(label)] = share;
  return {{"cases", usable_cases(cohort).size()}, {"channels", channels}, {"class_share", classes}};
}

std::string cleaning_text(const prepare::Plan& plan) {
  std::string text;
  if (plan.mask != "none") text = fmt::format("what lies outside of the {} becomes ground, labels excepted", plan.mask);
  if (!plan.bias.correct) return text;
  std::string names;
  for (const prepare::ChannelPlan& channel : plan.channels) {
    if (channel.modality == "MR") names += (names.empty() ? "" : ", ") + channel.name;
  }
  return text + fmt::format("{}bias fields of {} are divided out (N4)", text.empty() ? "" : "; ", names);
}

Forecast forecast(const store::Reader& reader, const prepare::Plan& plan, const prepare::Fingerprint* cohort,
                  const store::Layout& layout, int workers) {
  std::vector<std::pair<double, std::int64_t>> sizes;  // prepared voxels of each case
  double all = 0;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& one = reader.summary(i);
    volume::VoxelBox content{{0, 0, 0}, one.shape};
    if (cohort != nullptr && cohort->cases[static_cast<std::size_t>(i)].problem.empty()) {
      content = cohort->cases[static_cast<std::size_t>(i)].content;
    }
    const volume::Grid grid = prepare::prepared_grid(plan, {one.geometry, one.shape}, content);
    sizes.emplace_back(static_cast<double>(grid.shape.voxels()), i);
    all += sizes.back().first;
  }
  if (sizes.empty()) return {};
  std::sort(sizes.begin(), sizes.end());
  const std::int64_t middle = sizes[sizes.size() / 2].second;
  try {
    volume::Case raw = reader.load(middle);  // the first look also checks the whole shard: not part of the time
    const auto start = std::chrono::steady_clock::now();
    raw = reader.load(middle);
    const volume::Case ready = prepare::in_stored_voxels(plan, prepare::apply(plan, std::move(raw)));
    const store::PackedCase packed = store::pack_case(ready, reader.label_names(), nullptr, layout);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double factor = all / static_cast<double>(ready.reference().shape().voxels());
    return {reader.size(), factor * static_cast<double>(packed.size_bytes()),
            factor * seconds / std::min<double>(workers, static_cast<double>(reader.size()))};
  } catch (const core::Error&) {
    return {};  // it will be a row of the report
  }
}

std::string forecast_text(const Forecast& forecast) {
  if (forecast.cases == 0) return "forecast: none, the case tried cannot be prepared";
  return fmt::format("forecast: {} cases, about {} on disk, about {}", forecast.cases, bytes_text(forecast.bytes),
                     core::duration_text(forecast.seconds));
}

}  // namespace pipelines
