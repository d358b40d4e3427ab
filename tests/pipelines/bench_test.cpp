#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "in_process.h"

TEST(Bench, EachWorkloadAgreesWithItsPeerBeforeItIsTimed) {
  const Outcome outcome = gadolin_in_process("bench --quick --json");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const boost::json::value all = boost::json::parse(outcome.out);
  const Outcome list = gadolin_in_process("bench list");
  for (const boost::json::value& one : all.at("results").as_array()) {
    EXPECT_TRUE(one.at("equal").as_bool());
    EXPECT_GT(one.at("ours_s").as_double(), 0);
    if (!one.at("peer").as_string().empty()) {
      EXPECT_GT(one.at("ratio").as_double(), 0);
    }
    EXPECT_NE(list.out.find(std::string(one.at("workload").as_string())), std::string::npos);
  }
}

TEST(Bench, AnUnknownWorkloadNamesTheNearest) {
  const Outcome outcome = gadolin_in_process("bench stor");
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_NE(outcome.out.find("did you mean store?"), std::string::npos) << outcome.out;
}
