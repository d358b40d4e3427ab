#pragma once
// Files that stay open between reads: opening one anew costs a round trip on a network disk.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>

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

// At most `most` of them, the one not asked for longest is closed first (once whoever reads from it is done). Safe from
// many threads.
class OpenFiles {
 public:
  explicit OpenFiles(std::size_t most) : most_(most) {}
  std::shared_ptr<const ReadOnlyFile> get(const std::filesystem::path& path);  // throws Error

 private:
  struct Kept {
    std::filesystem::path path;
    std::shared_ptr<const ReadOnlyFile> file;
  };
  std::shared_ptr<const ReadOnlyFile> kept(const std::filesystem::path& path);  // or none; under the lock
  const std::size_t most_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // last asked for first
};

}  // namespace store
