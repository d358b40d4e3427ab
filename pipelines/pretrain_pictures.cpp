#include "pipelines/pretrain_pictures.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/files.h"
#include "pipelines/view_maker.h"
#include "report/montage.h"
#include "report/png.h"

namespace pipelines {
namespace {

constexpr std::int64_t kTilePixels = 128;
constexpr double kHiddenOpacity = 0.55;

// The pictures of one sample, drawn alike.
class Row {
 public:
  Row(const at::Tensor& first, const std::array<double, 3>& spacing_mm) {
    geometry_.spacing_mm = spacing_mm;
    const volume::Volume image = as_volume(first);
    options_.tile_pixels = kTilePixels;
    options_.opacity = kHiddenOpacity;
    options_.legend = false;  // the title says it, and all of a row stand at one height
    options_.window = report::window_by_percentiles(image);
  }

  // image [C, D, H, W]; hidden [D, H, W] or undefined.
  report::Picture draw(const at::Tensor& image, const at::Tensor& hidden, const std::string& title) {
    options_.title = title;
    const volume::Volume shown = as_volume(image);
    const volume::Shape& shape = shown.shape();
    options_.centre_mm =
        shown.geometry.world({static_cast<double>(shape.depth / 2), static_cast<double>(shape.height / 2),
                              static_cast<double>(shape.width / 2)});
    if (!hidden.defined()) return report::montage(shown, nullptr, nullptr, options_);
    const volume::Volume mask = volume_of(hidden.cpu().to(at::kByte), volume::VoxelType::kUInt8, geometry_);
    return report::montage(shown, &mask, nullptr, options_);
  }

 private:
  volume::Volume as_volume(const at::Tensor& image) const {
    return volume_of(image[0].detach().cpu().to(at::kFloat), volume::VoxelType::kFloat32, geometry_);
  }

  volume::Geometry geometry_;
  report::MontageOptions options_;
};

// Of sample `i`: its views, plain and with what is hidden, then what was made of it.
std::vector<report::Picture> pictures_of(const data::Batch& batch, const train::NamedTensors& made, std::int64_t i,
                                         const std::array<double, 3>& spacing_mm) {
  Row row(batch.views.at(0).images[i], spacing_mm);
  std::vector<report::Picture> pictures;
  for (std::size_t v = 0; v < std::min(batch.views.size(), kMostViews); ++v) {
    const data::View& view = batch.views[v];
    const std::string title = fmt::format("sample {}, view {}", i + 1, v + 1);
    pictures.push_back(row.draw(view.images[i], {}, title));
    if (view.kept.defined()) pictures.push_back(row.draw(view.kept[i], {}, title + " before damage"));
    if (view.hidden.defined())
      pictures.push_back(row.draw(view.images[i], view.hidden[i], title + ", hidden in colour"));
  }
  for (const auto& [title, tensor] : made) pictures.push_back(row.draw(tensor[i], {}, title));
  return pictures;
}

}  // namespace

std::int64_t steps_between_pictures(std::int64_t every, std::int64_t steps) {
  const std::int64_t count = steps / every;
  return count <= kMostPictures ? every : every * ((count + kMostPictures - 1) / kMostPictures);
}

report::Picture batch_picture(const data::Batch& batch, const train::NamedTensors& made, std::int64_t samples,
                              const std::array<double, 3>& spacing_mm) {
  std::vector<report::Picture> pictures;
  std::int64_t columns = 0;
  for (std::int64_t i = 0; i < std::min(samples, batch.size()); ++i) {
    const std::vector<report::Picture> row = pictures_of(batch, made, i, spacing_mm);
    pictures.insert(pictures.end(), row.begin(), row.end());
    columns = static_cast<std::int64_t>(row.size());
  }
  return report::contact_sheet(pictures, columns);
}

PictureWatch::PictureWatch(ssl::Method& method, std::filesystem::path folder, const std::array<double, 3>& spacing_mm,
                           bool writes, std::int64_t steps, const WatchSettings& settings)
    : method_(method),
      folder_(std::move(folder)),
      spacing_mm_(spacing_mm),
      writes_(writes),
      samples_(settings.pictures),
      every_(steps_between_pictures(settings.pictures_every, steps)) {}

std::map<std::string, double> PictureWatch::look(train::Learner&, const data::Batch& batch,
                                                 const train::Moment& moment) {
  const at::NoGradGuard no_gradient;
  const data::Batch few = batch.part(0, std::min(samples_, batch.size()));
  method_.set_training(false);
  const train::NamedTensors made = method_.pictures(few);
  method_.set_training(true);
  if (!writes_) return {};
  const report::Picture picture = batch_picture(few, made, samples_, spacing_mm_);
  const std::vector<std::byte> png = report::png_bytes(picture);
  core::publish_file(folder_ / fmt::format("step-{:07}.png", moment.step), png);
  drawn_.push_back({"views", picture.width, picture.height, {reinterpret_cast<const char*>(png.data()), png.size()}});
  return {};
}

std::vector<train::WatchedPicture> PictureWatch::pictures() { return std::exchange(drawn_, {}); }

void write_view_pictures(const std::filesystem::path& folder, const data::Dataset& dataset, std::int64_t samples,
                         const std::array<double, 3>& spacing_mm) {
  for (std::int64_t number = 0; number < std::min(samples, dataset.size()); ++number) {
    std::vector<data::Sample> one;
    one.push_back(dataset.get(static_cast<std::uint64_t>(number)));
    const std::vector<report::Picture> views = pictures_of(data::collate(std::move(one)), {}, 0, spacing_mm);
    const auto png = report::png_bytes(report::contact_sheet(views, 1));
    core::publish_file(folder / fmt::format("sample-{:04}.png", number), png);
  }
}

}  // namespace pipelines
