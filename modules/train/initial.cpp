#include "train/initial.h"

#include <algorithm>
#include <vector>

namespace train {
namespace {

bool has_prefix(const runtime::Archive& archive, const std::string& prefix) {
  const auto first = archive.tensors.lower_bound(prefix);
  return first != archive.tensors.end() && first->first.starts_with(prefix);
}

// What was not asked for is not "unused".
void keep_prefix(std::vector<std::string>& names, const std::string& prefix) {
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(prefix); });
}

}  // namespace

std::string InitialReport::text() const {
  const bool also = decoder.matched.size() + decoder.resized.size() + decoder.skipped.size() > 0;
  return "encoder: " + encoder.text() + (also ? "\ndecoder: " + decoder.text() : "");
}

InitialReport start_from(const NamedTensors& target, const runtime::Archive& weights, const InitialRules& rules) {
  InitialReport report;
  report.encoder = runtime::transfer(weights, target, {{{"encoder.", "encoder."}}, rules.threshold});
  keep_prefix(report.encoder.unused, "encoder.");
  const bool has_decoder =
      std::any_of(target.begin(), target.end(), [](const auto& named) { return named.first.starts_with("decoder."); });
  if (rules.decoder && has_decoder && has_prefix(weights, "decoder.")) {
    report.decoder = runtime::transfer(weights, target, {{{"decoder.", "decoder."}}, 0});
    keep_prefix(report.decoder.unused, "decoder.");
  }
  return report;
}

}  // namespace train
