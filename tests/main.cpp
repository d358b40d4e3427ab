// GoogleTest's main, but for the exit code of a run in which every test was skipped: ctest reports that as skipped.
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  constexpr int kSkipped = 77;
  return result == 0 && all.skipped_test_count() > 0 && all.successful_test_count() == 0 ? kSkipped : result;
}
