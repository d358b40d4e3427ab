// The same with ranks that are processes.
#include <gtest/gtest.h>

#include "../runtime/ranks.h"
#include "equivalence.h"

namespace {

void expect_processes_to_learn_as_one(int ranks) {
  const auto ends = as_ranks(ranks, 60, [](runtime::Comm& comm) {
    for (const char* const name : {"simclr", "trunk"}) {
      for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
        SCOPED_TRACE(name);
        equivalence::Subject whole = equivalence::subject(name, type), part = equivalence::subject(name, type);
        const equivalence::Learned one = equivalence::learn(whole, 20, *runtime::alone());
        equivalence::expect_alike(equivalence::learn(part, 20, comm), one, type);
      }
    }
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

TEST(EquivalenceOfProcesses, TwoWithFourSamplesLearnWhatOneLearnsWithEight) { expect_processes_to_learn_as_one(2); }

TEST(EquivalenceOfProcesses, FourWithTwoToo) { expect_processes_to_learn_as_one(4); }

}  // namespace
