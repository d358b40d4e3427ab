#include "volume/voxel_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/error.h"

namespace volume {
namespace {

std::atomic<bool> shared_by_all{false};

// Page by page the first touch costs more than the write; asked for at once it does not. Kernels before 5.14 do
// without.
void populate(void* begin, std::size_t size) {
#ifdef MADV_POPULATE_WRITE
  ::madvise(begin, size, MADV_POPULATE_WRITE);
#else
  static_cast<void>(begin), static_cast<void>(size);
#endif
}

// Closes what was opened when mapping it fails.
void* map_or_close(int file, std::size_t size, int more_flags) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | more_flags, file, 0);
  if (at != MAP_FAILED) return at;
  ::close(file);
  throw std::bad_alloc();
}

}  // namespace

VoxelMemory::VoxelMemory(std::size_t size, Fill fill) : size_(size) {
  if (size == 0) return;
  if (!shared_by_all) {
    base_ = static_cast<std::byte*>(fill == Fill::kZero ? std::calloc(size, 1) : std::malloc(size));
    if (base_ == nullptr) throw std::bad_alloc();
    return;
  }
  file_ = ::memfd_create("voxels", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file_ < 0) throw std::bad_alloc();
  if (::ftruncate(file_, static_cast<off_t>(size)) != 0 || ::fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    ::close(file_);
    throw std::bad_alloc();
  }
  base_ = static_cast<std::byte*>(map_or_close(file_, size, 0));
  mapped_ = size;
  populate(base_, size);
}

VoxelMemory VoxelMemory::of_file(int descriptor, std::size_t begin, std::size_t size) {
  struct stat about {};
  const int seals = ::fcntl(descriptor, F_GET_SEALS);
  const bool sound = seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && ::fstat(descriptor, &about) == 0 && size > 0 &&
                     static_cast<std::size_t>(about.st_size) >= size &&
                     static_cast<std::size_t>(about.st_size) - size >= begin;
  if (!sound) {
    ::close(descriptor);
    throw std::bad_alloc();
  }
  VoxelMemory memory;
  memory.begin_ = begin;
  memory.size_ = size;
  memory.mapped_ = begin + size;
  memory.base_ = static_cast<std::byte*>(map_or_close(descriptor, memory.mapped_, MAP_POPULATE));
  ::close(descriptor);
  return memory;
}

VoxelMemory::~VoxelMemory() {
  if (base_ == nullptr) return;
  if (mapped_ == 0) {
    std::free(base_);
    return;
  }
  ::munmap(base_, mapped_);
  if (file_ >= 0) ::close(file_);
}

VoxelMemory::VoxelMemory(VoxelMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)),
      file_(std::exchange(other.file_, -1)) {}

VoxelMemory& VoxelMemory::operator=(VoxelMemory&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(begin_, other.begin_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  std::swap(file_, other.file_);
  return *this;
}

void VoxelMemory::skip(std::size_t count) {
  GADOLIN_CHECK(count <= size_);
  begin_ += count;
  size_ -= count;
}

void VoxelMemory::share_all() { shared_by_all = true; }

}  // namespace volume
