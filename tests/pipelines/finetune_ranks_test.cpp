#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "core/files.h"
#include "prepared_store.h"
#include "pretrain_ranks.h"
#include "train/metrics.h"

namespace {

using namespace ranks;

std::function<std::string(int)> finetuning(const Scratch& folder, const std::string& out, const std::string& more) {
  return [=, &folder](int) {
    return "finetune " + quoted(folder / "store") + " --out " + quoted(folder / out) +
           " --task segmentation --labels 6 --threads 1 --device cpu --set encoder.base=4 --set encoder.blocks=[1,1]"
           " --set trainer.warmup_steps=2 --set trainer.precision=fp32 --set trainer.log_every=1 --set data.workers=1"
           " --set data.batch_size=4 --set trainer.steps=4" +
           more;
  };
}

boost::json::object summary(const fs::path& run) {
  return boost::json::parse(core::read_text(run / "summary.json")).as_object();
}

// Choosing a learning rate and scoring included.
TEST(FinetuneRanks, TwoProcessesWithHalfTheBatchEachLearnChooseAndScoreAsOne) {
  const Scratch folder;
  prepared::make_store(folder / "store", 10);
  const std::string rates = " --learning-rates 1e-3,3e-3";
  for (const Ended& end : Ranks(folder, 1, finetuning(folder, "one", rates)).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  const auto ends = Ranks(folder, 2, finetuning(folder, "two", rates)).wait();
  ASSERT_EQ(ends[0].exit, 0) << ends[0].said;
  ASSERT_EQ(ends[1].exit, 0) << ends[1].said;
  EXPECT_NE(ends[0].said.find("next: gadolin report"), std::string::npos) << ends[0].said;
  EXPECT_EQ(ends[1].said, "");
  const auto one = train::read_metrics(folder / "one/metrics.csv").at("loss"),
             two = train::read_metrics(folder / "two/metrics.csv").at("loss");
  ASSERT_EQ(one.size(), 4u);
  ASSERT_EQ(two.size(), 4u);
  for (std::size_t row = 0; row < 4; ++row)
    EXPECT_NEAR(two[row].second, one[row].second, 1e-4 * std::abs(one[row].second)) << "after step " << row + 1;
  const auto a = summary(folder / "one"), b = summary(folder / "two");
  EXPECT_EQ(a.at("ranks").as_int64(), 1);
  EXPECT_EQ(b.at("ranks").as_int64(), 2);
  EXPECT_EQ(a.at("learning_rate"), b.at("learning_rate"));
  ASSERT_EQ(b.at("choice").as_array().size(), 2u);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_NEAR(b.at("choice").at(i).at("score").to_number<double>(),
                a.at("choice").at(i).at("score").to_number<double>(), 0.02);
  EXPECT_NEAR(b.at("test").at("mean").at("dice").at("value").to_number<double>(),
              a.at("test").at("mean").at("dice").at("value").to_number<double>(), 0.02);
}

}  // namespace
