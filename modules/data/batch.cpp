#include "data/batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "data/dataset.h"

namespace data {
namespace {

at::Tensor moved(const at::Tensor& tensor, const c10::Device& device) {
  return tensor.defined() ? tensor.to(device, /*non_blocking=*/tensor.is_pinned()) : tensor;
}

// All that have a row for each sample.
std::vector<at::Tensor*> tensors_of(Batch& batch) {
  std::vector<at::Tensor*> all{&batch.sample, &batch.case_index, &batch.has_labels, &batch.channels_present};
  for (View& view : batch.views) {
    for (at::Tensor* const each :
         {&view.images, &view.labels, &view.valid, &view.hidden, &view.kept, &view.case_index}) {
      all.push_back(each);
    }
  }
  for (auto& [name, tensor] : batch.targets) all.push_back(&tensor);
  return all;
}

// What tests leave out is empty.
template <class Each>
void keep_only(std::vector<Each>& list, std::int64_t begin, std::int64_t count) {
  if (!list.empty()) list = std::vector<Each>(list.begin() + begin, list.begin() + begin + count);
}

// Stacks what is there; where some lack the part, `filler` stands in. Undefined when all lack it.
at::Tensor stacked(const std::vector<ViewSample>& samples, at::Tensor ViewSample::*part, int filler) {
  const auto some = std::ranges::find_if(samples, [&](const ViewSample& sample) { return (sample.*part).defined(); });
  if (some == samples.end()) return {};
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor& own = samples[i].*part;
    parts.push_back(own.defined() ? own : at::full_like((*some).*part, filler));
    if (parts.back().sizes() != ((*some).*part).sizes()) {
      throw core::Error("sample " + std::to_string(i) + " of a batch has another size or other channels than the first",
                        "prepare the cases together, so that all have the same channels");
    }
  }
  return at::stack(parts);
}

View view_of(std::vector<Sample>& samples, std::size_t view) {
  View result;
  std::vector<std::int64_t> cases;
  std::vector<ViewSample> made;
  for (Sample& sample : samples) {
    cases.push_back(sample.view_case[view]);
    result.case_shape.push_back(sample.view_case_shape[view]);
    if (!sample.views.empty()) made.push_back(std::move(sample.views[view]));
  }
  result.case_index = at::tensor(cases, at::kLong);
  if (made.empty()) return result;
  try {
    stack_into(result, std::move(made));
  } catch (const core::Error& error) {
    std::string ids;
    for (const Sample& sample : samples) ids += (ids.empty() ? "" : ", ") + sample.id;
    throw error.within("view " + std::to_string(view) + " of cases " + ids);
  }
  return result;
}

at::Tensor channels_of(const std::vector<Sample>& samples) {
  std::vector<at::Tensor> rows;
  for (const Sample& sample : samples) {
    if (sample.channels_present.size() != samples.front().channels_present.size()) {
      throw core::Error("case " + sample.id + " has another number of channels than case " + samples.front().id);
    }
    rows.push_back(at::tensor(at::ArrayRef<std::uint8_t>(sample.channels_present), at::kByte));
  }
  return at::stack(rows);
}

}  // namespace

Batch Batch::to(const c10::Device& device) const {
  Batch result = *this;
  for (at::Tensor* const each : tensors_of(result)) *each = moved(*each, device);
  return result;
}

Batch Batch::part(std::int64_t begin, std::int64_t count) const {
  GADOLIN_CHECK(begin >= 0 && count > 0 && begin + count <= size());
  Batch result = *this;
  for (at::Tensor* const each : tensors_of(result)) {
    if (each->defined()) *each = each->narrow(0, begin, count);
  }
  for (View& view : result.views) {
    keep_only(view.voxel_to_case, begin, count);
    keep_only(view.case_shape, begin, count);
  }
  keep_only(result.reports, begin, count);
  keep_only(result.ids, begin, count);
  return result;
}

void stack_into(View& view, std::vector<ViewSample> samples) {
  view.images = stacked(samples, &ViewSample::image, 0);
  view.labels = stacked(samples, &ViewSample::labels, -1);
  view.valid = stacked(samples, &ViewSample::valid, 1);
  view.hidden = stacked(samples, &ViewSample::hidden, 0);
  view.kept = stacked(samples, &ViewSample::kept, 0);
  view.voxel_to_case.clear();
  for (const ViewSample& sample : samples) view.voxel_to_case.push_back(sample.voxel_to_case);
}

Batch collate(std::vector<Sample> samples) {
  GADOLIN_CHECK(!samples.empty());
  Batch batch;
  for (const Sample& sample : samples) {
    GADOLIN_CHECK(sample.views.size() == samples.front().views.size() &&
                  sample.view_case.size() == samples.front().view_case.size() &&
                  sample.view_case_shape.size() == sample.view_case.size());
  }
  for (std::size_t view = 0; view < samples.front().view_case.size(); ++view) {
    batch.views.push_back(view_of(samples, view));
  }
  const auto count = samples.size();
  std::vector<std::int64_t> numbers, cases;
  std::vector<std::uint8_t> labelled;
  std::map<std::string, std::vector<float>> targets;
  for (std::size_t i = 0; i < count; ++i) {
    Sample& sample = samples[i];
    numbers.push_back(static_cast<std::int64_t>(sample.number));
    cases.push_back(sample.case_index);
    labelled.push_back(sample.has_labels ? 1 : 0);
    for (const auto& [name, value] : sample.targets) {
      auto& column = targets[name];
      column.resize(count, std::numeric_limits<float>::quiet_NaN());
      column[i] = static_cast<float>(value);
    }
  }
  batch.sample = at::tensor(numbers, at::kLong);
  batch.case_index = at::tensor(cases, at::kLong);
  batch.has_labels = at::tensor(at::ArrayRef<std::uint8_t>(labelled), at::kByte);
  batch.channels_present = channels_of(samples);
  for (const auto& [name, column] : targets) batch.targets[name] = at::tensor(column, at::kFloat);
  for (Sample& sample : samples) {
    batch.reports.push_back(std::move(sample.report));
    batch.ids.push_back(std::move(sample.id));
  }
  return batch;
}

}  // namespace data
