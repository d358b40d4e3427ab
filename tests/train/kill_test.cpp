#include "kill.h"

TEST(Kill, ARunThatIsKilledAFewTimesEndsAtTheBytesOfOneThatIsNot) { small::expect_kills_do_no_harm(6); }
