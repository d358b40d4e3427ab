#include "pipelines/pretrain_watch.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "augment/recipes.h"
#include "core/files.h"
#include "data/store_dataset.h"
#include "evaluate/effective_rank.h"
#include "pipelines/view_maker.h"
#include "report/montage.h"
#include "report/png.h"

namespace pipelines {
namespace {

constexpr std::int64_t kTilePixels = 128;

report::Picture picture_of(const data::ViewSample& view, std::size_t number, const std::array<double, 3>& spacing_mm) {
  report::MontageOptions options;
  options.tile_pixels = kTilePixels;
  options.title = "view " + std::to_string(number);
  options.label_names = {{1, "hidden"}};
  volume::Geometry geometry;
  geometry.spacing_mm = spacing_mm;
  const volume::Volume image = volume_of(view.image[0], volume::VoxelType::kFloat32, geometry);
  options.centre_mm =
      image.geometry.world({static_cast<double>(image.shape().depth / 2), static_cast<double>(image.shape().height / 2),
                            static_cast<double>(image.shape().width / 2)});
  if (!view.hidden.defined()) return report::montage(image, nullptr, nullptr, options);
  const volume::Volume hidden = volume_of(view.hidden, volume::VoxelType::kUInt8, geometry);
  return report::montage(image, &hidden, nullptr, options);
}

}  // namespace

EmbeddingWatch::EmbeddingWatch(ssl::Method& method, std::shared_ptr<const store::Reader> reader,
                               data::StoreDatasetOptions options, const models::Input& input, c10::Device device,
                               const WatchSettings& settings)
    : method_(method), device_(device), every_(settings.every_steps) {
  options.cases.resize(std::min(options.cases.size(), static_cast<std::size_t>(settings.cases)));
  options.shuffle = false;
  options.only_draw = false;
  middles_ = std::make_unique<data::StoreDataset>(
      std::move(reader), view_maker({augment::centre({input.patch[0], input.patch[1], input.patch[2]})}), options);
}

std::map<std::string, double> EmbeddingWatch::look(train::Learner&, const data::Batch& batch, const train::Moment&) {
  const at::NoGradGuard no_gradient;
  method_.set_training(false);
  std::vector<at::Tensor> rows;
  for (std::int64_t begin = 0; begin < middles_->size(); begin += batch.size()) {
    std::vector<at::Tensor> images;
    for (std::int64_t i = begin; i < std::min(begin + batch.size(), middles_->size()); ++i)
      images.push_back(middles_->get(static_cast<std::uint64_t>(i)).views[0].image);
    rows.push_back(method_.embedding(at::stack(images).to(device_)).to(at::kCPU));
  }
  method_.set_training(true);
  const at::Tensor embeddings = at::cat(rows);
  return {{"effective_rank", evaluate::effective_rank(embeddings)},
          {"embedding_spread", evaluate::embedding_spread(embeddings)}};
}

void write_view_pictures(const std::filesystem::path& folder, const data::Dataset& dataset, std::int64_t samples,
                         const std::array<double, 3>& spacing_mm) {
  for (std::int64_t number = 0; number < std::min(samples, dataset.size()); ++number) {
    const data::Sample sample = dataset.get(static_cast<std::uint64_t>(number));
    std::vector<report::Picture> pictures;
    for (std::size_t v = 0; v < sample.views.size(); ++v)
      pictures.push_back(picture_of(sample.views[v], v, spacing_mm));
    const auto png = report::png_bytes(report::contact_sheet(pictures, 1));
    core::publish_file(folder / fmt::format("sample-{:04}.png", number), png);
  }
}

}  // namespace pipelines
