#pragma once
// Whether all ranks were asked for the same.

#include <c10/core/Device.h>

#include <string>

#include "runtime/comm.h"

namespace train {

// The first line in which two texts differ, to tell a person: "there '...', here '...'"; empty when none does.
std::string first_difference(const std::string& there, const std::string& here);

// Every rank compares its text with rank 0's; one that differs throws usage Error that tells in what, and the others
// one that tells of it. `device`: where the ranks' tensors lie.
void refuse_unlike_ranks(const std::string& own, runtime::Comm& comm, c10::Device device);

}  // namespace train
