#pragma once
// Pictures of what a method is shown and of what it makes of it.

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/dataset.h"
#include "pipelines/watch_settings.h"
#include "report/picture.h"
#include "ssl/method.h"
#include "train/watcher.h"

namespace pipelines {

inline constexpr std::int64_t kMostPictures = 64;  // of a run
inline constexpr std::size_t kMostViews = 4;       // of a sample

// Steps between two pictures: `every`, or more where they would be more than kMostPictures.
std::int64_t steps_between_pictures(std::int64_t every, std::int64_t steps);

// One row a sample of the batch: its views, hidden blocks in colour, then the method's own pictures (ssl::Method);
// three planes each through the middle, the first channel, all of a row in the grey window of its first view. RGB,
// about 400 pixels wide for each picture. No name of a case in it.
report::Picture batch_picture(const data::Batch& batch, const train::NamedTensors& made, std::int64_t samples,
                              const std::array<double, 3>& spacing_mm);

// Writes FOLDER/step-0001000.png ... and hands the same to TensorBoard.
class PictureWatch final : public train::Watcher {
 public:
  // `writes`: on this rank; the others take part in what the method computes.
  PictureWatch(ssl::Method& method, std::filesystem::path folder, const std::array<double, 3>& spacing_mm, bool writes,
               std::int64_t steps, const WatchSettings& settings);

  std::int64_t every_steps() const override { return every_; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override;
  std::vector<train::WatchedPicture> pictures() override;

 private:
  ssl::Method& method_;
  std::filesystem::path folder_;
  std::array<double, 3> spacing_mm_;
  bool writes_;
  std::int64_t samples_, every_;
  std::vector<train::WatchedPicture> drawn_;
};

// FOLDER/sample-0000.png ...: the views of the first samples, one below the other, drawn as above.
void write_view_pictures(const std::filesystem::path& folder, const data::Dataset& dataset, std::int64_t samples,
                         const std::array<double, 3>& spacing_mm);

}  // namespace pipelines
