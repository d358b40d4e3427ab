#pragma once
// The memory that voxels lie in: a piece of this process's own, or a file in memory (memfd) that another process can be
// handed without a copy. Owned by one; moved. Throws std::bad_alloc.
//
// Fresh pages of such a file cost more than decoding into them (0.5 to 1 ms for 512 KiB against 0.2 ms), so the memory
// of a volume that is gone is kept for the next one, up to 512 MiB, once whoever it was handed to has closed it.

#include <cstddef>

namespace volume {

class VoxelMemory {
 public:
  enum class Fill { kZero, kNone };  // kNone: whatever was there, for readers that write every byte

  VoxelMemory() = default;
  explicit VoxelMemory(std::size_t size, Fill fill = Fill::kZero);
  // What lies in such a file from `begin` on, mapped; the descriptor is this object's from now on. The file must be
  // sealed against shrinking and hold begin + size bytes, or bad_alloc.
  static VoxelMemory of_file(int descriptor, std::size_t begin, std::size_t size);
  ~VoxelMemory();
  VoxelMemory(VoxelMemory&& other) noexcept;
  VoxelMemory& operator=(VoxelMemory&& other) noexcept;

  std::byte* data() const { return base_ + begin_; }
  std::size_t size() const { return size_; }
  // The first `count` bytes were no voxels (a file's header in front of them) and are not counted any more.
  void skip(std::size_t count);

  // Where in the file the voxels begin; whether there is one.
  std::size_t file_begin() const { return begin_; }
  bool is_file() const { return file_ >= 0; }
  // A descriptor of the file for another process. The memory is not used for other voxels before all its copies are
  // closed there.
  int handed_over() const;

  // From now on all new memory of this process is such files: for a process whose volumes go to another.
  static void share_all();

 private:
  void make_file(std::size_t size);
  bool take_kept(std::size_t size);
  bool keep();

  std::byte* base_ = nullptr;
  std::size_t begin_ = 0, size_ = 0;
  std::size_t mapped_ = 0;  // 0: of the heap
  int file_ = -1;
};

}  // namespace volume
