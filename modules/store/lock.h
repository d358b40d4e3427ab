#pragma once
// The right to write into the folder of a store: one process at a time. It ends with the object, or with the process,
// however that ends.

#include <filesystem>

namespace store {

class Lock {
 public:
  // Makes the folder. Throws Error: another process has it (naming its pid and host), the folder holds something that
  // never was a store, it cannot be written.
  explicit Lock(std::filesystem::path folder);
  ~Lock();  // a folder that it made goes again when nothing was written
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&&) = delete;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  int number_ = -1;
  bool made_ = false;  // the folder, by this object
};

}  // namespace store
