#pragma once
// Files that stay open between reads: opening one anew costs a round trip on a network disk.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/recently_used.h"

namespace store {

// Closed with the object. Safe to share between threads.
class ReadOnlyFile {
 public:
  explicit ReadOnlyFile(const std::filesystem::path& path);  // throws Error
  ~ReadOnlyFile();
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  // Throws Error when the file cannot be read or ends too early.
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  // Tells the kernel to fetch these bytes from the disk meanwhile.
  void will_need(std::uint64_t offset, std::uint64_t size) const;

 private:
  int number_;
};

// Files by path, at most so many; one that goes is closed once whoever reads from it is done. Safe from many threads.
class OpenFiles {
 public:
  explicit OpenFiles(std::int64_t most) : kept_(most) {}
  std::shared_ptr<const ReadOnlyFile> get(const std::filesystem::path& path);  // throws Error

 private:
  core::RecentlyUsed<std::string, ReadOnlyFile> kept_;
};

}  // namespace store
