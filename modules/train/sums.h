#pragma once
// What was measured since the last row of metrics.csv, summed where it was computed.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <string>

#include "runtime/comm.h"
#include "train/checkpoint.h"

namespace train {

class Sums {
 public:
  explicit Sums(c10::Device device) : device_(device) {}

  // A scalar, of any type; not read back to the host.
  void add(const std::string& name, const at::Tensor& value);
  // The means by name since the last call, over all ranks, which must have added the same names; then all is forgotten.
  std::map<std::string, double> take(runtime::Comm& comm);

  TensorsByName state() const;  // [sum, count] float64 by name
  void load(const TensorsByName& state);

 private:
  struct Sum {
    at::Tensor total;  // float64 on the device
    std::int64_t count = 0;
  };
  c10::Device device_;
  std::map<std::string, Sum> sums_;
};

}  // namespace train
