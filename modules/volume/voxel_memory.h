#pragma once
// The memory that voxels lie in: a piece of this process's own, or a file in memory (memfd) that another process can be
// handed without a copy. Owned by one; moved. Throws std::bad_alloc.

#include <cstddef>

namespace volume {

class VoxelMemory {
 public:
  enum class Fill { kZero, kNone };  // kNone: whatever was there, for readers that write every byte

  VoxelMemory() = default;
  explicit VoxelMemory(std::size_t size, Fill fill = Fill::kZero);
  // What lies in such a file from `begin` on, mapped; the descriptor is closed. The file must be sealed against
  // shrinking and hold begin + size bytes, or bad_alloc.
  static VoxelMemory of_file(int descriptor, std::size_t begin, std::size_t size);
  ~VoxelMemory();
  VoxelMemory(VoxelMemory&& other) noexcept;
  VoxelMemory& operator=(VoxelMemory&& other) noexcept;

  std::byte* data() const { return base_ + begin_; }
  std::size_t size() const { return size_; }
  // The first `count` bytes were no voxels (a file's header in front of them) and are not counted any more.
  void skip(std::size_t count);

  // The file and where in it the voxels begin; -1 for memory of this process.
  int file() const { return file_; }
  std::size_t file_begin() const { return begin_; }

  // From now on all new memory of this process is such files: for a process whose volumes go to another.
  static void share_all();

 private:
  std::byte* base_ = nullptr;
  std::size_t begin_ = 0, size_ = 0;
  std::size_t mapped_ = 0;  // 0: of the heap
  int file_ = -1;
};

}  // namespace volume
