#include "kill.h"

TEST(Kill, ARunThatIsKilledTwoHundredTimesEndsAtTheBytesOfOneThatIsNot) { small::expect_kills_do_no_harm(200); }
