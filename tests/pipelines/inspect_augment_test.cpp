// gadolin inspect --augment: what each augmentation makes of a case, as one picture.
#include <gtest/gtest.h>

#include <filesystem>

#include "../scratch.h"
#include "augment/ops.h"
#include "core/files.h"
#include "gadolin.h"
#include "store/writer.h"
#include "volume/phantom.h"

namespace fs = std::filesystem;

namespace {

// A store of two cases; the id of the first.
std::string phantom_store(const fs::path& folder) {
  volume::PhantomOptions options;
  options.patients = 2;
  options.size = 24;
  store::Writer writer(folder, {});
  for (std::int64_t i = 0; i < options.patients; ++i) writer.add(volume::phantom_case(options, i));
  writer.commit();
  return volume::phantom_case(options, 0).id;
}

// Height of a PNG, from its header.
std::uint32_t height_of(const std::string& png) {
  std::uint32_t height = 0;
  for (std::size_t i = 20; i < 24; ++i) height = height << 8 | static_cast<unsigned char>(png.at(i));
  return height;
}

TEST(InspectAugment, ShowsEveryOpOfTheTableOnceAndTheSameForTheSameSeed) {
  const Scratch scratch;
  const fs::path store = scratch / "a.store", png = scratch / "ops.png";
  const std::string id = phantom_store(store);
  const auto picture = [&](const std::string& more) {
    const Outcome outcome =
        gadolin("inspect " + store.string() + " --case " + id + " --augment --png " + png.string() + more);
    EXPECT_EQ(outcome.exit, 0) << outcome.out;
    return core::read_text(png);
  };
  const std::string all = picture(""), one = picture(" --op noise");
  // Rows of three tiles: the view as it is, then each op; or eleven draws of one.
  const double row = height_of(one) / 4.0;
  EXPECT_NEAR(height_of(all) / row, static_cast<double>((augment::ops().size() + 2) / 3), 0.2);
  EXPECT_EQ(picture(""), all);
  EXPECT_EQ(picture(" --seed 1"), all);
  EXPECT_NE(picture(" --seed 2"), all);
  EXPECT_NE(picture(" --op spike"), one);
}

TEST(InspectAugment, TellsWhatItNeeds) {
  const Scratch scratch;
  const fs::path store = scratch / "a.store";
  const std::string id = phantom_store(store), png = " --png " + (scratch / "ops.png").string();
  EXPECT_EQ(quick_gadolin("inspect " + store.string() + " --augment" + png).exit, 2) << "no case";
  EXPECT_EQ(quick_gadolin("inspect " + store.string() + " --case " + id + " --augment").exit, 2) << "no picture";
  EXPECT_EQ(quick_gadolin("inspect " + store.string() + " --case " + id + " --op noise" + png).exit, 2);
  const Outcome wrong = gadolin("inspect " + store.string() + " --case " + id + " --augment --op niose" + png);
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(wrong.out.find("noise"), std::string::npos) << wrong.out;
}

}  // namespace
