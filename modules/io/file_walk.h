#pragma once
// Every file below a folder, one after the other. Memory and open handles grow with the depth of the tree, never with
// the number of files, and nothing a disk can hold ends the walk: what cannot be entered is counted and passed over.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "core/error.h"

namespace io {

struct WalkedFile {
  std::filesystem::path path;
  std::int64_t size_bytes = 0;
  std::int64_t changed_ns = 0;  // since 1970
  bool settled = false;         // not changed for two seconds when it was met: a later change shows in changed_ns
};

struct WalkCounts {
  std::int64_t files = 0;
  std::int64_t unreadable = 0;  // folders and names that the system does not let us look at
  std::int64_t links = 0;       // links to folders are not followed: what they lead to may lie in the tree already
  std::int64_t special = 0;     // sockets, pipes, devices
  std::int64_t too_deep = 0;    // folders below 256 others
};

// In the order in which the system lists them, which is no order. Links to files are followed, links to folders are
// not, but for the root itself. Of one thread.
class FileWalk {
 public:
  // A folder, or one file. Throws Error [FILE_MISSING] when it is not there.
  explicit FileWalk(const std::filesystem::path& root);
  ~FileWalk();
  FileWalk(const FileWalk&) = delete;
  FileWalk& operator=(const FileWalk&) = delete;

  std::optional<WalkedFile> next();  // nothing when all was seen
  const WalkCounts& counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The file itself. Throws Error [FILE_MISSING].
WalkedFile file_at(const std::filesystem::path& path);
// [CHANGED]
core::Error changed_meanwhile();

}  // namespace io
