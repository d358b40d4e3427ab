#include "equivalence.h"

#include <gtest/gtest.h>

namespace {

void expect_threads_to_learn_as_one(const std::string& name, at::ScalarType type, int steps) {
  equivalence::Subject whole = equivalence::subject(name, type);
  const equivalence::Learned one = equivalence::learn(whole, steps, *runtime::alone());
  for (const int ranks : {2, 4}) {
    SCOPED_TRACE(name + " on " + std::to_string(ranks));
    std::vector<equivalence::Subject> subjects;
    for (int rank = 0; rank < ranks; ++rank) subjects.push_back(equivalence::subject(name, type));
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      at::set_num_threads(1);
      equivalence::expect_alike(equivalence::learn(subjects[static_cast<std::size_t>(comm.rank())], steps, comm), one,
                                type);
    });
  }
}

TEST(Equivalence, OneWithEightSamplesTwoWithFourAndFourWithTwoHaveOneLossAndOneGradient) {
  for (const char* const name : {"simclr", "trunk"}) expect_threads_to_learn_as_one(name, at::kDouble, 2);
}

TEST(Equivalence, InSinglePrecisionTheyHaveTheSameWeightsAfterTwentySteps) {
  for (const char* const name : {"simclr", "trunk"}) expect_threads_to_learn_as_one(name, at::kFloat, 20);
}

}  // namespace
