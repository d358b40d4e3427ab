// gadolin embed: what an encoder makes of every case of a prepared store, kept in one HDF5 file.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "augment/recipes.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/store_dataset.h"
#include "pipelines/case_windows.h"
#include "pipelines/command.h"
#include "pipelines/feature_file.h"
#include "pipelines/prepared_store.h"
#include "pipelines/restored_encoder.h"
#include "pipelines/versions.h"
#include "pipelines/view_maker.h"
#include "runtime/device.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using models::Extent;

struct EmbedRequest {
  std::string checkpoint, store, out, device = "auto", pool = "mean";
  int threads = 0;
  std::int64_t batch_size = 4;
  bool dense = false;
};

std::vector<std::int64_t> adjoining_starts(std::int64_t extent, std::int64_t window) {
  std::vector<std::int64_t> starts;
  for (std::int64_t begin = 0; begin < extent; begin += window) starts.push_back(begin);
  return starts;
}

class Embedder {
 public:
  Embedder(RestoredEncoder restored, c10::Device device, const EmbedRequest& request)
      : restored_(std::move(restored)), device_(device), request_(request), window_(restored_.record.patch) {}

  // image [C, D, H, W] -> [embedding_size]
  at::Tensor pooled(const at::Tensor& image) const {
    const std::vector<at::Tensor> windows =
        request_.pool == "centre" ? std::vector{middle_window(image, window_)} : covering_windows(image, window_);
    return mean_over_windows(windows, request_.batch_size,
                             [&](const at::Tensor& some) { return restored_.encoder->embedding(some.to(device_)); });
  }

  // image [C, D, H, W] -> [channels, ceil(D / stride) ...] of the coarsest scale, window beside window
  at::Tensor dense(const at::Tensor& image) const {
    const Extent stride = restored_.encoder->stride().back();
    Extent size{}, grid{};
    for (std::size_t a = 0; a < 3; ++a) {
      GADOLIN_CHECK(window_[a] % stride[a] == 0);
      const std::int64_t extent = image.size(static_cast<std::int64_t>(a) + 1);
      size[a] = (extent + window_[a] - 1) / window_[a] * window_[a];
      grid[a] = (extent + stride[a] - 1) / stride[a];
    }
    const at::Tensor whole = at::constant_pad_nd(
        image, {0, size[2] - image.size(3), 0, size[1] - image.size(2), 0, size[0] - image.size(1)});
    at::Tensor features = at::zeros(
        {restored_.encoder->channels().back(), size[0] / stride[0], size[1] / stride[1], size[2] / stride[2]});
    for (const std::int64_t d : adjoining_starts(size[0], window_[0]))
      for (const std::int64_t h : adjoining_starts(size[1], window_[1]))
        for (const std::int64_t w : adjoining_starts(size[2], window_[2])) {
          const at::Tensor one = window_at(whole, {d, h, w}, window_).unsqueeze(0).to(device_);
          const at::Tensor part = restored_.encoder->features(one).back()[0].to(at::kCPU, at::kFloat);
          window_at(features, {d / stride[0], h / stride[1], w / stride[2]}, {part.size(1), part.size(2), part.size(3)})
              .copy_(part);
        }
    return window_at(features, {0, 0, 0}, grid).clone();
  }

  const RestoredEncoder& restored() const { return restored_; }

 private:
  RestoredEncoder restored_;
  c10::Device device_;
  const EmbedRequest& request_;
  Extent window_;
};

// What the file is made of: the same facts, the same numbers.
std::map<std::string, std::string> facts_of_embedding(const EmbedRequest& request, const RestoredEncoder& restored,
                                                      const store::Reader& reader) {
  std::map<std::string, std::string> facts{{"weights", restored.weights_hash},
                                           {"data", reader.data_hash()},
                                           {"config", restored.record.config},
                                           {"pool", request.pool},
                                           {"dense", request.dense ? "yes" : "no"}};
  std::string all;
  for (const auto& [name, text] : facts) all += name + "=" + text + "\n";
  facts["key"] = core::sha256_hex(all);
  facts["version"] = GADOLIN_VERSION;
  facts["command"] = command_line();
  return facts;
}

core::Exit embed(const EmbedRequest& request) {
  const at::NoGradGuard no_gradient;
  const c10::Device device = runtime::device_named(request.device);
  runtime::set_threads(request.threads);
  const PreparedStore store = open_prepared(request.store);
  Embedder embedder(restore_encoder(request.checkpoint, device), device, request);
  const RestoredEncoder& restored = embedder.restored();
  if (restored.record.plan != store.reader->plan_yaml())
    core::log_warn("the encoder was trained on a store with another plan than " + request.store);
  const auto facts = facts_of_embedding(request, restored, *store.reader);
  const std::int64_t count = store.reader->size();
  if (feature_key(request.out) == facts.at("key")) {
    fmt::print("embed: {} holds the features of these weights and these {} cases already\n", request.out, count);
    return core::Exit::kDone;
  }
  data::StoreDatasetOptions options;
  options.channels = restored.record.channels;
  options.read_labels = false;
  options.shuffle = false;
  const Extent& patch = restored.record.patch;
  const data::StoreDataset dataset(store.reader, view_maker({augment::centre({patch[0], patch[1], patch[2]})}),
                                   options);
  core::Progress progress("embed", "cases", count);
  const auto start = std::chrono::steady_clock::now();
  write_features(request.out, facts, count, [&](std::int64_t i) {
    const store::CaseSummary& summary = store.reader->summary(i);
    return core::with_context("embed case " + summary.id, [&] {
      const at::Tensor image = data::image_of(dataset.picture(i, {{0, 0, 0}, summary.shape}));
      CaseFeatures features{summary.id, summary.groups.patient, embedder.pooled(image),
                            request.dense ? embedder.dense(image) : at::Tensor()};
      progress.advance();
      return features;
    });
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("embed: {} cases, {} numbers each{}, in {} ({:.1f} s)\n", count, restored.encoder->embedding_size(),
             request.dense ? " and dense features" : "", request.out, seconds);
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<EmbedRequest>();
  app.add_option("checkpoint", request->checkpoint, "checkpoint file, or the folder of a run: its newest")
      ->type_name("CHECKPOINT")
      ->required();
  app.add_option("store", request->store, "prepared store")->type_name("STORE")->required();
  app.add_option("--out", request->out, "HDF5 file to write; one of the same weights and data is kept")
      ->type_name("FILE")
      ->required();
  app.add_option("--pool", request->pool, "mean: over windows that cover the case; centre: its middle window")
      ->check(CLI::IsMember({"mean", "centre"}))
      ->capture_default_str();
  app.add_flag("--dense", request->dense, "also the coarsest feature map of each case");
  app.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request->threads, "torch's threads; 0: as many as torch likes")
      ->check(CLI::Range(0, 4096));
  app.add_option("--batch", request->batch_size, "windows at once")->check(CLI::Range(1, 65536))->capture_default_str();
  return [request] { return embed(*request); };
}

}  // namespace

extern const Command embed_command;
const Command embed_command{
    "embed", "features of every case of a prepared store, for probes and notebooks",
    "  gadolin embed RUN PREPARED --out features.h5\n"
    "  gadolin embed RUN/checkpoint-2000.gadolin PREPARED --out features.h5 --dense --pool centre\n"
    "In Python: h5py.File('features.h5')['embedding'][:], rows named by ['ids'].",
    attach};

}  // namespace pipelines
