#include "train/initial.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "finetune/task.h"

namespace {

std::unique_ptr<finetune::Task> segmentation(int base, std::uint64_t seed, std::vector<std::string> outputs) {
  at::manual_seed(seed);
  const auto settings = models::encoder_named("resenc").settings();
  core::configure(settings->slots(), std::vector{core::setting_from_argument("base=" + std::to_string(base)),
                                                 core::setting_from_argument("blocks=[1, 1]")});
  finetune::Setup setup;
  setup.input = {1, {8, 8, 8}, {1, 1, 1}};
  setup.encoder = settings->make(setup.input);
  setup.outputs = std::move(outputs);
  return finetune::task_named("segmentation").settings()->make(setup);
}

runtime::Archive archive_of(train::Learner& learner) {
  runtime::Archive archive;
  for (const auto& [name, tensor] : learner.weights()) archive.tensors[name] = tensor.detach().clone();
  return archive;
}

// Share of the tensors below `prefix` that are equal in both.
double share_equal(train::Learner& learner, const runtime::Archive& archive, const std::string& prefix) {
  double equal = 0, all = 0;
  for (const auto& [name, tensor] : learner.weights()) {
    if (!name.starts_with(prefix)) continue;
    const at::Tensor& other = archive.tensors.at(name);
    equal += tensor.sizes() == other.sizes() && tensor.equal(other) ? 1 : 0;
    ++all;
  }
  return equal / all;
}

}  // namespace

TEST(Initial, TakesTheEncoderAndWhatFitsOfTheDecoder) {
  const auto from = segmentation(4, 1, {"background", "a", "b"});
  const auto to = segmentation(4, 2, {"background", "a", "b", "c"});
  const runtime::Archive archive = archive_of(*from);
  const train::InitialReport report = train::start_from(to->weights(), archive);
  EXPECT_EQ(share_equal(*to, archive, "encoder."), 1);
  EXPECT_GT(share_equal(*to, archive, "decoder."), 0.5);
  EXPECT_EQ(report.encoder.share, 1);
  EXPECT_FALSE(report.decoder.skipped.empty()) << "the maps of three labels do not fit four";
  EXPECT_NE(report.text().find("decoder: matched"), std::string::npos);
}

TEST(Initial, LeavesTheDecoderWhenToldTo) {
  const auto from = segmentation(4, 1, {"background", "a"}), to = segmentation(4, 2, {"background", "a"});
  const runtime::Archive archive = archive_of(*from), before = archive_of(*to);
  train::start_from(to->weights(), archive, {false, 0.5});
  EXPECT_EQ(share_equal(*to, archive, "encoder."), 1);
  EXPECT_EQ(share_equal(*to, before, "decoder."), 1);
}

TEST(Initial, RefusesAnotherArchitectureWithTheListAndChangesNothing) {
  const auto from = segmentation(6, 1, {"background", "a"}), to = segmentation(4, 2, {"background", "a"});
  const runtime::Archive before = archive_of(*to);
  try {
    train::start_from(to->weights(), archive_of(*from));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("skipped"), std::string::npos);
    EXPECT_NE(error.story().find("wanted"), std::string::npos) << error.story();
  }
  EXPECT_EQ(share_equal(*to, before, ""), 1);
}
