#include "losses/standardised.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor standardised(const at::Tensor& rows, double floor, runtime::Comm& comm) {
  GADOLIN_CHECK(rows.dim() == 2 && rows.size(0) > 0 && floor > 0);
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(rows);
  const at::Tensor all = comm.size() == 1 ? wide : comm.all_gather(wide);
  const at::Tensor mean = all.mean(0);
  return (wide - mean) / ((all - mean).square().mean(0) + floor).sqrt();
}

}  // namespace losses
