#pragma once
// A scalar of a case as its class.

#include <cstdint>
#include <string>

#include "store/reader.h"

namespace pipelines {

// 0, 1, 2 ... Throws usage Error when it is none; `chosen` ends its hint "choose another scalar ...".
std::int64_t class_number(const store::CaseSummary& summary, const std::string& target, const std::string& chosen);

}  // namespace pipelines
