#include "train/checkpoint_difference.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "core/config.h"
#include "core/error.h"

namespace train {
namespace {

constexpr std::int64_t kComparedAtOnce = 1 << 22;  // numbers compared at once, so that float64 copies stay small
constexpr double kInfinite = std::numeric_limits<double>::infinity();

using Facts = std::map<std::string, std::string>;

std::string joined(const core::Setting& setting) {
  std::string text;
  for (const std::string& value : setting.values) text += (text.empty() ? "" : ", ") + value;
  return setting.list ? "[" + text + "]" : text;
}

// The lines of a text by key where it is one of settings, else by their number.
Facts parts_of(const std::string& text) {
  Facts parts;
  try {
    for (const core::Setting& setting : core::settings_from_yaml(text, "fact")) parts[setting.key] = joined(setting);
    return parts;
  } catch (const core::Error&) {
    parts.clear();
  }
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) parts["line " + std::to_string(++number)] = line;
  return parts;
}

bool has_parts(const std::string& text) {
  return text.find('\n') != std::string::npos || text.starts_with("{") || text.empty();
}

// Facts of the run lose the "run." that the file puts before them.
std::string plain_name(const std::string& key) { return key.starts_with("run.") ? key.substr(4) : key; }

void add_differences(const Facts& first, const Facts& second, const std::string& before,
                     std::vector<FactDifference>& found) {
  std::set<std::string> keys;
  for (const Facts* const each : {&first, &second}) {
    for (const auto& [key, value] : *each) keys.insert(key);
  }
  const auto value_of = [](const Facts& facts, const std::string& key) {
    const auto at = facts.find(key);
    return at == facts.end() ? std::string() : at->second;
  };
  for (const std::string& key : keys) {
    const std::string a = value_of(first, key), b = value_of(second, key);
    if (a == b && first.contains(key) == second.contains(key)) continue;
    const std::size_t so_far = found.size();
    if (before.empty() && has_parts(a) && has_parts(b)) {
      add_differences(parts_of(a), parts_of(b), plain_name(key) + ": ", found);
    }
    // Texts that differ in comments or spaces alone differ all the same.
    if (found.size() == so_far) found.push_back({before + plain_name(key), a, b});
  }
}

std::string kind_of(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << ' ' << tensor.sizes();
  return text.str();
}

void compare_numbers(const at::Tensor& first, const at::Tensor& second, TensorDifference& difference) {
  const at::Tensor a = first.reshape({-1}), b = second.reshape({-1});
  double magnitude = 0;
  for (std::int64_t begin = 0; begin < a.numel(); begin += kComparedAtOnce) {
    const std::int64_t count = std::min(kComparedAtOnce, a.numel() - begin);
    const at::Tensor p = a.narrow(0, begin, count).to(at::kDouble), q = b.narrow(0, begin, count).to(at::kDouble);
    const at::Tensor same = p.eq(q).logical_or_(p.isnan().logical_and_(q.isnan()));
    const at::Tensor far = (p - q).abs_().nan_to_num_(kInfinite, kInfinite, kInfinite).masked_fill_(same, 0);
    const at::Tensor large = at::fmax(p.abs(), q.abs()).nan_to_num_(0.0, 0.0, 0.0);
    difference.absolute = std::max(difference.absolute, far.max().item<double>());
    magnitude = std::max(magnitude, large.max().item<double>());
  }
  difference.relative =
      std::isinf(difference.absolute) || magnitude == 0 ? difference.absolute : difference.absolute / magnitude;
}

bool equal_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() &&
         (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

}  // namespace

CheckpointDifference difference_of(const runtime::Archive& first, const runtime::Archive& second) {
  CheckpointDifference all;
  add_differences(first.facts, second.facts, "", all.facts);
  for (const auto& [name, tensor] : first.tensors) {
    const auto other = second.tensors.find(name);
    TensorDifference one{name, kind_of(tensor), other == second.tensors.end() ? "" : kind_of(other->second)};
    if (one.comparable()) {
      const at::Tensor a = tensor.contiguous(), b = other->second.contiguous();
      if (equal_bytes(a, b)) {
        ++all.equal_tensors;
        continue;
      }
      compare_numbers(a, b, one);
    }
    all.tensors.push_back(one);
  }
  for (const auto& [name, tensor] : second.tensors) {
    if (!first.tensors.contains(name)) all.tensors.push_back({name, "", kind_of(tensor)});
  }
  std::sort(all.tensors.begin(), all.tensors.end(), [](const TensorDifference& a, const TensorDifference& b) {
    return std::tuple(a.comparable(), -a.relative, a.name) < std::tuple(b.comparable(), -b.relative, b.name);
  });
  return all;
}

}  // namespace train
