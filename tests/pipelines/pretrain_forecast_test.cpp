#include "pipelines/pretrain_forecast.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "core/error.h"

namespace {

// What a batch takes, and how often it was asked for.
struct Machine {
  std::function<double(double)> bytes;
  int asked = 0;
  std::int64_t fitting(std::int64_t limit, std::int64_t unit, std::int64_t highest = 65536) {
    return pipelines::fitting_batch(limit, unit, highest, [this](std::int64_t size) {
      ++asked;
      return static_cast<std::int64_t>(bytes(static_cast<double>(size)));
    });
  }
};

}  // namespace

TEST(FittingBatch, IsTheLargestWhereMemoryGrowsEvenly) {
  for (const std::int64_t unit : {1, 4}) {
    Machine machine{[](double n) { return 300 + 50 * n; }};
    const std::int64_t fits = machine.fitting(2000, unit);
    EXPECT_EQ(fits, 34 / unit * unit);
    EXPECT_LE(machine.asked, 4);
  }
}

TEST(FittingBatch, FindsItWhereMemoryGrowsUnevenlyToo) {
  for (const double power : {0.8, 1.3}) {
    Machine machine{[&](double n) { return 300 + 50 * std::pow(n, power); }};
    const std::int64_t fits = machine.fitting(3000, 1);
    EXPECT_LE(machine.bytes(static_cast<double>(fits)), 3000);
    EXPECT_GT(machine.bytes(1.1 * static_cast<double>(fits) + 1), 3000);
    EXPECT_LE(machine.asked, 9);
  }
}

TEST(FittingBatch, GoesNoHigherThanItMayAndRefusesWhatDoesNotFitAtAll) {
  Machine flat{[](double) { return 100; }};
  EXPECT_EQ(flat.fitting(200, 4, 30), 28);
  Machine large{[](double n) { return 1e9 * n; }};
  EXPECT_EQ(large.fitting(1'500'000'000, 1), 1);
  try {
    large.fitting(5'000'000, 2);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.story().find("a batch of 2 takes 1.9 GiB, which is more than 4.8 MiB"), std::string::npos)
        << error.story();
  }
}

TEST(Forecast, SaysItsPartsAsTextAndAsJson) {
  pipelines::Forecast forecast;
  forecast.batch_size = 4;
  forecast.most = std::int64_t{3} << 30;
  forecast.program = 300 << 20;
  forecast.tensors.activations = std::int64_t{2} << 30;
  forecast.tensors.stages = {{"4 x 8 x 32 x 48 x 48", 1 << 20}};
  forecast.tensors.step_s = 0.5;
  const std::string text = pipelines::forecast_text(forecast, 120, at::kCPU);
  EXPECT_NE(text.find("3.0 GiB of memory at most; 0.5 s a step, 1:00 for 120 steps"), std::string::npos) << text;
  EXPECT_NE(text.find("activations           2.0 GiB"), std::string::npos) << text;
  EXPECT_NE(text.find("4 x 8 x 32 x 48 x 48"), std::string::npos) << text;
  const boost::json::value json = boost::json::parse(pipelines::forecast_json(forecast, 120, at::kCPU));
  EXPECT_EQ(json.at("most_bytes").as_int64(), std::int64_t{3} << 30);
  EXPECT_EQ(json.at("parts_bytes").at("program").as_int64(), 300 << 20);
  EXPECT_EQ(json.at("rest_s").as_double(), 60);
}
