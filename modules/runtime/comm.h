#pragma once
// What the ranks of a run say to each other. A rank is one process with one device, or one thread in tests.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace runtime {

// A sum over ranks that goes on by itself.
class Sum {
 public:
  virtual ~Sum() = default;
  // Once: returns when the tensor holds the sum. Throws as all_reduce_sum does.
  virtual void wait() = 0;
};

// Every rank calls the same members in the same order; each call returns when all ranks have come to it. One Comm
// belongs to one rank. Throws Error when shapes differ between ranks or another rank has failed.
class Comm {
 public:
  virtual ~Comm() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // In place: the sum over ranks, the same bits on each. No gradient.
  virtual void all_reduce_sum(at::Tensor& tensor) = 0;
  // The same, begun: returns at once, and until wait() the tensor is the sum's. Any number may be under way. They have
  // an order of their own, the same on every rank; where other calls come in between may differ. Called from one thread
  // at a time.
  virtual std::unique_ptr<Sum> begin_sum(at::Tensor tensor) = 0;
  // [n, ...] of each rank -> [size * n, ...] in the order of ranks. Differentiable: the gradient of a rank's part is
  // the sum of what all ranks' losses give to it, so that the sum of losses over ranks has the gradient of one process
  // with the whole batch.
  virtual at::Tensor all_gather(const at::Tensor& tensor) = 0;
  // In place: the root's values.
  virtual void broadcast(at::Tensor& tensor, int root) = 0;
  // The one call that waits for a rank with work of its own to do, such as writing a file: however long it takes.
  virtual void barrier() = 0;
};

// One rank that talks to itself.
std::unique_ptr<Comm> alone();

// Runs `body(comm)` on `size` threads of this process, one rank each, and joins them. When one throws, the others are
// woken with an Error and the first exception is rethrown. For tests of global-batch losses.
void run_ranks(int size, const std::function<void(Comm&)>& body);

}  // namespace runtime
