#include "equivalence.h"

#include <gtest/gtest.h>

namespace {

void expect_threads_to_learn_as_one(const std::string& name, at::ScalarType type, int steps, int ranks) {
  SCOPED_TRACE(name + " on " + std::to_string(ranks));
  equivalence::Subject whole = equivalence::subject(name, type);
  const equivalence::Learned one = equivalence::learn(whole, steps, *runtime::alone());
  std::vector<equivalence::Subject> subjects;
  std::vector<equivalence::Learned> learned(static_cast<std::size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) subjects.push_back(equivalence::subject(name, type));
  runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
    at::set_num_threads(1);
    const auto rank = static_cast<std::size_t>(comm.rank());
    learned[rank] = equivalence::learn(subjects[rank], steps, comm);
  });
  for (const equivalence::Learned& each : learned) equivalence::expect_alike(each, one, type);
}

TEST(Equivalence, OneWithEightSamplesTwoWithFourAndFourWithTwoHaveOneLossAndOneGradient) {
  for (const char* const name : {"simclr", "trunk"}) {
    for (const int ranks : {2, 4}) expect_threads_to_learn_as_one(name, at::kDouble, 1, ranks);
  }
}

TEST(Equivalence, InSinglePrecisionTheyHaveTheSameWeightsAfterTwentySteps) {
  for (const char* const name : {"simclr", "trunk"}) expect_threads_to_learn_as_one(name, at::kFloat, 20, 2);
}

}  // namespace
