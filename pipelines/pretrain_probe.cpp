#include "pipelines/pretrain_probe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "augment/recipes.h"
#include "core/error.h"
#include "evaluate/held_out.h"
#include "evaluate/probe.h"
#include "pipelines/class_number.h"
#include "pipelines/view_maker.h"

namespace pipelines {
namespace {

constexpr int kFolds = 5;
const std::string kKept = "probe/best";

void check_words(const WatchSettings& settings) {
  if (settings.probe != "knn" && settings.probe != "linear")
    throw core::usage_error("watch.probe is '" + settings.probe + "'", "there are none, knn and linear");
  if (settings.target.empty())
    throw core::usage_error("watch.probe needs a watch.target", "name a scalar of the cases: --set watch.target=class");
}

std::vector<std::int64_t> with_target(const store::Reader& reader, const std::vector<std::int64_t>& candidates,
                                      const std::string& target) {
  std::vector<std::int64_t> cases;
  std::set<std::string> others;
  for (const std::int64_t index : candidates) {
    const auto& scalars = reader.summary(index).scalars;
    if (scalars.contains(target)) cases.push_back(index);
    for (const auto& [name, value] : scalars) others.insert(name);
  }
  if (cases.empty())
    throw core::usage_error(
        "no case has the watch.target '" + target + "'",
        others.empty() ? "they have no scalars" : fmt::format("they have {}", fmt::join(others, ", ")));
  return cases;
}

evaluate::Probe probe_named(const std::string& kind, std::int64_t classes) {
  if (kind == "knn")
    return [classes](const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test) {
      return evaluate::knn_probabilities(train, labels, test, classes);
    };
  return [classes](const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test) {
    return evaluate::logistic_probabilities(train, labels, test, classes);
  };
}

}  // namespace

ProbedCases probed_cases(const store::Reader& reader, const Split& split, const std::vector<std::int64_t>& candidates,
                         const WatchSettings& settings, std::uint64_t seed) {
  check_words(settings);
  const std::vector<std::int64_t> usable = with_target(reader, candidates, settings.target);
  ProbedCases probed;
  probed.cases =
      draw_labelled(split, reader, usable, std::min(settings.probe_cases, static_cast<std::int64_t>(usable.size())), 0,
                    seed, settings.target);
  for (const std::int64_t index : probed.cases) {
    probed.classes.push_back(static_cast<int>(class_number(reader.summary(index), settings.target, "as watch.target")));
    probed.patients.push_back(patient_of(split, reader.summary(index)));
  }
  std::map<int, std::set<std::string>> patients;
  for (std::size_t i = 0; i < probed.cases.size(); ++i) patients[probed.classes[i]].insert(probed.patients[i]);
  for (const auto& [value, own] : patients) {
    if (patients.size() < 2 || own.size() < 2)
      throw core::usage_error(
          fmt::format("watch.target '{}': class {} has {} patient{} and there {} {} class{}", settings.target, value,
                      own.size(), own.size() == 1 ? "" : "s", patients.size() == 1 ? "is" : "are", patients.size(),
                      patients.size() == 1 ? "" : "es"),
          "a probe needs two classes or more, each of two patients or more");
  }
  return probed;
}

ProbeWatch::ProbeWatch(ssl::Method& method, std::shared_ptr<const store::Reader> reader,
                       data::StoreDatasetOptions options, ProbedCases probed, const models::Input& input,
                       c10::Device device, runtime::Comm& comm, const WatchSettings& settings)
    : method_(method),
      probed_(std::move(probed)),
      folds_(evaluate::patient_folds(probed_.patients, probed_.classes, kFolds)),
      classes_(*std::max_element(probed_.classes.begin(), probed_.classes.end()) + 1),
      device_(device),
      comm_(comm),
      kind_(settings.probe),
      every_(settings.probe_every),
      patience_(settings.patience) {
  options.cases = probed_.cases;
  options.shuffle = false;
  options.only_draw = false;
  middles_ = std::make_unique<data::StoreDataset>(
      std::move(reader), view_maker({augment::centre({input.patch[0], input.patch[1], input.patch[2]})}), options);
}

// Rank r embeds the cases r, r + ranks, ...; the shares are of one length, the last case filling up.
at::Tensor ProbeWatch::embeddings(std::int64_t batch_size) const {
  const at::NoGradGuard no_gradient;
  const std::int64_t count = middles_->size(), ranks = comm_.size(), share = (count + ranks - 1) / ranks;
  std::vector<at::Tensor> rows;
  for (std::int64_t begin = 0; begin < share; begin += batch_size) {
    std::vector<at::Tensor> images;
    for (std::int64_t i = begin; i < std::min(begin + batch_size, share); ++i) {
      const std::int64_t at = std::min(i * ranks + comm_.rank(), count - 1);
      images.push_back(middles_->get(static_cast<std::uint64_t>(at)).views[0].image);
    }
    rows.push_back(method_.embedding(at::stack(images).to(device_)).to(at::kFloat));
  }
  const at::Tensor all = comm_.all_gather(at::cat(rows));  // [ranks * share, C], rank by rank
  return all.view({ranks, share, all.size(1)}).transpose(0, 1).flatten(0, 1).narrow(0, 0, count).cpu();
}

at::Tensor ProbeWatch::score(const at::Tensor& embeddings) const {
  at::Tensor numbers = at::zeros({3}, at::kDouble);
  if (comm_.rank() == 0) {
    const at::Tensor labels = at::tensor(std::vector<std::int64_t>(probed_.classes.begin(), probed_.classes.end()));
    const at::Tensor p =
        evaluate::held_out_probabilities(embeddings, labels, classes_, folds_, probe_named(kind_, classes_));
    const evaluate::Interval area = evaluate::area_of(p, probed_.classes, probed_.patients);
    numbers = at::tensor({area.value, area.low, area.high}, at::kDouble);
  }
  numbers = numbers.to(device_);
  comm_.broadcast(numbers, 0);
  return numbers.cpu();
}

std::map<std::string, double> ProbeWatch::look(train::Learner&, const data::Batch& batch, const train::Moment& moment) {
  method_.set_training(false);
  const at::Tensor found = score(embeddings(batch.size()));
  method_.set_training(true);
  const double* const number = found.const_data_ptr<double>();
  if (number[0] > best_) {
    best_ = number[0];
    best_step_ = moment.step;
    since_best_ = 0;
  } else {
    ++since_best_;
  }
  const std::string name = "probe/" + kind_;
  return {{name, number[0]}, {name + "_low", number[1]}, {name + "_high", number[2]}};
}

void ProbeWatch::save(runtime::Archive& archive) const {
  archive.tensors[kKept] =
      at::tensor({best_, static_cast<double>(best_step_), static_cast<double>(since_best_)}, at::kDouble);
}

void ProbeWatch::load(const runtime::Archive& archive) {
  const auto kept = archive.tensors.find(kKept);
  if (kept == archive.tensors.end()) return;
  if (kept->second.scalar_type() != at::kDouble || kept->second.numel() != 3)
    throw core::Error("what the checkpoint kept of the probe is none");
  const double* const number = kept->second.const_data_ptr<double>();
  best_ = number[0];
  best_step_ = static_cast<std::int64_t>(number[1]);
  since_best_ = static_cast<std::int64_t>(number[2]);
}

std::string ProbeWatch::told() const {
  return fmt::format("no better {} probe than {:.3f} after step {} in {} probe{}", kind_, best_, best_step_,
                     since_best_, since_best_ == 1 ? "" : "s");
}

}  // namespace pipelines
