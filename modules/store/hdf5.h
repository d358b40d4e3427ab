#pragma once
// HDF5 handles that close themselves, and the one lock of the library, which is not made for threads.
//
// Whoever calls HDF5, in this module or above it, holds `hdf5_lock()` meanwhile. Failures become core::Error with the
// library's innermost message; nothing is printed.

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "volume/volume.h"

namespace store {

std::unique_lock<std::recursive_mutex> hdf5_lock();

// Throws core::Error "cannot `what`: reason of the library" .
[[noreturn]] void hdf5_failed(const std::string& what);
inline void hdf5_require(herr_t status, const std::string& what) {
  if (status < 0) hdf5_failed(what);
}

// Owns an identifier of the library. Made and destroyed under the lock.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  // Throws core::Error when `id` is a failure.
  Hdf5Handle(hid_t id, Close close, const std::string& what) : id_(id), close_(close) {
    if (id < 0) hdf5_failed(what);
  }
  ~Hdf5Handle() {
    if (close_ != nullptr) close_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(other.id_), close_(std::exchange(other.close_, nullptr)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  operator hid_t() const { return id_; }
  // Closes now. Throws core::Error when the library could not.
  void close(const std::string& what) { hdf5_require(std::exchange(close_, nullptr)(id_), what); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

hid_t hdf5_type(volume::VoxelType type);  // little endian; a constant of the library, not to be closed

}  // namespace store
