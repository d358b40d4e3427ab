#include "volume/voxel_memory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "core/error.h"

namespace volume {
namespace {

constexpr std::size_t kMostKept = std::size_t{512} << 20, kSmall = std::size_t{64} << 20,
                      kHugePage = std::size_t{2} << 20;

std::atomic<bool> shared_by_all{false};

// In huge pages where the kernel gives them to who asks: a first touch for every 2 MiB and not for every 4 KiB, which
// takes an eighth of the time.
std::byte* of_heap(std::size_t size, bool zero) {
  void* at = nullptr;
  if (size < 2 * kHugePage) {
    at = zero ? std::calloc(size, 1) : std::malloc(size);
  } else {
    const std::size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
    at = whole < size ? nullptr : std::aligned_alloc(kHugePage, whole);
    if (at != nullptr) {
      ::madvise(at, whole, MADV_HUGEPAGE);
      if (zero) std::memset(at, 0, size);
    }
  }
  if (at == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(at);
}

// Of a volume that is gone, for the next one.
struct Kept {
  std::byte* base = nullptr;
  std::size_t mapped = 0;
  int file = -1;
};
std::mutex keeping;
Kept kept;

void drop(Kept& memory) {
  if (memory.file < 0) return;
  ::munmap(memory.base, memory.mapped);
  ::close(memory.file);
  memory = Kept();
}

// What is handed over holds a shared lock on a description of its own for as long as it is open, wherever that is.
bool still_held(int file) {
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) return true;
  ::flock(file, LOCK_UN);
  return false;
}

// Page by page the first touch costs more than the write; asked for at once it does not. Kernels before 5.14 do
// without.
void populate(std::byte* begin, std::size_t size) {
#ifdef MADV_POPULATE_WRITE
  ::madvise(begin, size, MADV_POPULATE_WRITE);
#else
  static_cast<void>(begin), static_cast<void>(size);
#endif
}

// Makes file and map longer.
bool grow(Kept& memory, std::size_t size) {
  constexpr std::size_t kPage = 4096;
  if (::ftruncate(memory.file, static_cast<off_t>(size)) != 0) return false;
  void* const at = ::mremap(memory.base, memory.mapped, size, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return false;
  memory.base = static_cast<std::byte*>(at);
  const std::size_t old = memory.mapped / kPage * kPage;
  memory.mapped = size;
  populate(memory.base + old, size - old);
  return true;
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
    base_ = of_heap(size, fill == VoxelMemory::Fill::kZero);
    return;
  }
  if (!take_kept(size))
    make_file(size);
  else if (fill == Fill::kZero)
    std::memset(base_, 0, size);
}

void VoxelMemory::make_file(std::size_t size) {
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

// False when nothing is kept that can be used; it is given up then, for two at once may be beyond the process's limit.
bool VoxelMemory::take_kept(std::size_t size) {
  const std::scoped_lock hold(keeping);
  if (kept.file < 0) return false;
  const bool much_too_large = kept.mapped > kSmall && kept.mapped / 4 > size;
  if (much_too_large || still_held(kept.file) || (kept.mapped < size && !grow(kept, size))) {
    drop(kept);
    return false;
  }
  base_ = kept.base, mapped_ = kept.mapped, file_ = kept.file;
  kept = Kept();
  return true;
}

bool VoxelMemory::keep() {
  if (!shared_by_all || mapped_ > kMostKept) return false;
  const std::scoped_lock hold(keeping);
  if (kept.mapped >= mapped_) return false;
  drop(kept);
  kept = {base_, mapped_, file_};
  return true;
}

int VoxelMemory::handed_over() const {
  const std::string name = "/proc/self/fd/" + std::to_string(file_);
  const int other = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  if (other < 0) throw std::bad_alloc();
  if (::flock(other, LOCK_SH) != 0) {
    ::close(other);
    throw std::bad_alloc();
  }
  return other;
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
  memory.file_ = descriptor;
  return memory;
}

VoxelMemory::~VoxelMemory() {
  if (base_ == nullptr) return;
  if (mapped_ == 0) {
    std::free(base_);
    return;
  }
  if (keep()) return;
  ::munmap(base_, mapped_);
  ::close(file_);
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
