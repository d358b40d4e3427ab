// Stands for a file of core that reaches up to volume. Compiled by a test that expects it to fail.
#include "core/error.h"
#include "volume/geometry.h"
