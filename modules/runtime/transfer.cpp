#include "runtime/transfer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <set>

#include "core/error.h"

namespace runtime {
namespace {

// The archive's name of a target tensor; empty when it takes no part.
std::string source_name(const std::string& name, const TransferRules& rules) {
  if (rules.prefixes.empty()) return name;
  const std::pair<const std::string, std::string>* best = nullptr;
  for (const auto& rule : rules.prefixes) {
    if (name.starts_with(rule.first) && (!best || rule.first.size() > best->first.size())) best = &rule;
  }
  return best ? best->second + name.substr(best->first.size()) : "";
}

at::Tensor other_channels(const at::Tensor& source, const at::Tensor& target) {
  if (source.dim() != 5 || target.dim() != 5 || source.size(0) != target.size(0)) return {};
  for (int i = 2; i < 5; ++i) {
    if (source.size(i) != target.size(i)) return {};
  }
  // Only inputs are widened or narrowed: of a deeper layer neither side is a handful of channels.
  if (source.size(1) > 16 || target.size(1) > 16) return {};
  const double scale = static_cast<double>(source.size(1)) / static_cast<double>(target.size(1));
  return source.mean(1, true).mul(scale).expand(target.sizes());
}

std::int64_t cube_root(std::int64_t tokens) {
  const auto side = static_cast<std::int64_t>(std::lround(std::cbrt(static_cast<double>(tokens))));
  return side * side * side == tokens ? side : 0;
}

at::Tensor other_grid(const at::Tensor& source, const at::Tensor& target) {
  if (source.dim() != 3 || target.dim() != 3 || source.size(0) != 1 || target.size(0) != 1) return {};
  const std::int64_t from = cube_root(source.size(1)), to = cube_root(target.size(1)), channels = source.size(2);
  if (from == 0 || to == 0 || channels != target.size(2)) return {};
  const at::Tensor grid = source.transpose(1, 2).reshape({1, channels, from, from, from});
  return at::upsample_trilinear3d(grid, {to, to, to}, false).reshape({1, channels, to * to * to}).transpose(1, 2);
}

at::Tensor resized(const at::Tensor& source, const at::Tensor& target) {
  if (!source.is_floating_point() || !target.is_floating_point()) return {};
  const at::Tensor wide = source.to(at::kFloat);
  const at::Tensor result = other_channels(wide, target);
  return result.defined() ? result : other_grid(wide, target);
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

void append(std::string& text, const char* title, const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  text += std::string(title) + " " + std::to_string(names.size());
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) text += (i ? ", " : ": ") + names[i];
  text += names.size() > kShown ? ", ...\n" : "\n";
}

}  // namespace

std::string TransferReport::text() const {
  std::string text = "matched " + std::to_string(matched.size()) + " tensors, " +
                     std::to_string(static_cast<int>(std::lround(100 * share))) + " % of the weights\n";
  append(text, "resized", resized);
  append(text, "skipped", skipped);
  append(text, "unused", unused);
  return text;
}

TransferReport transfer(const Archive& archive, const NamedTensors& target, const TransferRules& rules) {
  const at::NoGradGuard no_gradient;
  TransferReport report;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  std::set<std::string> used;
  double all = 0, fitting = 0;
  for (const auto& [name, tensor] : target) {
    const std::string from = source_name(name, rules);
    if (from.empty()) continue;
    const auto elements = static_cast<double>(tensor.numel());
    all += elements;
    const auto found = archive.tensors.find(from);
    if (found == archive.tensors.end()) {
      report.skipped.push_back(name + " (absent)");
      continue;
    }
    const at::Tensor& source = found->second;
    const bool same = source.sizes() == tensor.sizes();
    const at::Tensor value = same ? source : resized(source, tensor);
    if (!value.defined()) {
      report.skipped.push_back(name + " (" + shape_text(source) + ", wanted " + shape_text(tensor) + ")");
      continue;
    }
    (same ? report.matched : report.resized).push_back(name);
    fitting += elements;
    used.insert(from);
    copies.emplace_back(tensor, value);
  }
  for (const auto& [name, tensor] : archive.tensors) {
    if (name.find('/') == std::string::npos && !used.contains(name)) report.unused.push_back(name);
  }
  report.share = all > 0 ? fitting / all : 0;
  if (report.share < rules.threshold) {
    throw core::Error("the weights do not fit this network:\n" + report.text(),
                      "take a checkpoint of the same architecture, or lower the threshold");
  }
  for (auto& [to, value] : copies) to.copy_(value);
  return report;
}

}  // namespace runtime
