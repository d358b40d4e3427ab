#pragma once
// One process at a time writes into a folder.

#include <filesystem>

namespace core {

// Holds FOLDER/.in-use while it lives; the kernel lets go of it when the process ends, however it ends. Makes the
// folder. Throws usage Error naming the process that has it; where the file system knows no locks it warns and goes on.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace core
