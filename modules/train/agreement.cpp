#include "train/agreement.h"

#include <ATen/ATen.h>

#include <cstring>
#include <sstream>

#include "core/error.h"

namespace train {

std::string first_difference(const std::string& there, const std::string& here) {
  std::istringstream a(there), b(here);
  std::string line_a, line_b;
  while (true) {
    const bool more_a = static_cast<bool>(std::getline(a, line_a)), more_b = static_cast<bool>(std::getline(b, line_b));
    if (!more_a && !more_b) return "";
    if (!more_a) line_a = "nothing";
    if (!more_b) line_b = "nothing";
    if (line_a != line_b) return "there '" + line_a + "', here '" + line_b + "'";
  }
}

void refuse_unlike_ranks(const std::string& own, runtime::Comm& comm, c10::Device device) {
  if (comm.size() == 1) return;
  at::Tensor length = at::full({1}, static_cast<std::int64_t>(own.size()), at::kLong).to(device);
  comm.broadcast(length, 0);
  at::Tensor bytes = at::zeros({length.item<std::int64_t>()}, at::kByte);
  if (comm.rank() == 0) std::memcpy(bytes.mutable_data_ptr(), own.data(), own.size());
  bytes = bytes.to(device);
  comm.broadcast(bytes, 0);
  bytes = bytes.cpu();
  const std::string first(static_cast<const char*>(bytes.const_data_ptr()), static_cast<std::size_t>(bytes.numel()));
  const char* const hint = "all ranks need the same settings, store and run folder";
  at::Tensor unlike = at::full({1}, first == own ? 0 : 1, at::kLong).to(device);
  comm.all_reduce_sum(unlike);
  if (first != own) throw core::usage_error("this rank is not like rank 0: " + first_difference(first, own), hint);
  if (unlike.item<std::int64_t>() > 0)
    throw core::usage_error("another rank is not like rank 0, and says in what", hint);
}

}  // namespace train
