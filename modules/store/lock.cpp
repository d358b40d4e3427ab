#include "store/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/error.h"
#include "store/manifest.h"

namespace store {
namespace {

// A folder that never was a store's must be empty, so that nobody's archive is mixed with shards by a slip.
void require_own(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / ".lock") || std::filesystem::exists(manifest_path(folder))) return;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    throw core::Error("the folder holds something else: " + file.path().filename().string(),
                      "choose an empty or a new folder for the store");
  }
}

// True when it was not there.
bool make(const std::filesystem::path& folder) {
  std::error_code failed;
  const bool made = std::filesystem::create_directories(folder, failed);
  if (failed) throw core::Error("cannot make the folder: " + failed.message());
  try {
    require_own(folder);
  } catch (const std::filesystem::filesystem_error& problem) {
    throw core::Error("the folder cannot be read: " + problem.code().message(), "check its permissions");
  }
  return made;
}

// ": process 12 on HOST", as the owner wrote it.
std::string owner(const std::filesystem::path& folder) {
  std::ifstream file(folder / ".lock");
  std::string line;
  return std::getline(file, line) && line.starts_with("process ") ? ": " + line : std::string();
}

bool holds_lock_alone(const std::filesystem::path& folder) {
  std::error_code failed;
  const std::filesystem::directory_iterator files(folder, failed);
  return !failed && std::distance(begin(files), end(files)) == 1;
}

// For the person who meets the lock; where it cannot be written the lock holds all the same.
bool tell_owner(int number) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string own = "process " + std::to_string(::getpid()) + " on " + host.data() + "\n";
  return ::ftruncate(number, 0) == 0 && ::write(number, own.data(), own.size()) > 0;
}

// The file is still the one of that name: its last owner may have removed it meanwhile.
bool is_there(int number, const std::filesystem::path& file) {
  struct stat open {
  }, named{};
  return ::fstat(number, &open) == 0 && ::stat(file.c_str(), &named) == 0 && open.st_ino == named.st_ino;
}

int locked(const std::filesystem::path& folder) {
  const int number = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (number < 0) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    throw core::Error(std::string("cannot write into the folder: ") + std::strerror(errno),
                      full ? "the disk is full; free space and run the same command again" : "check its permissions");
  }
  const bool locked = ::flock(number, LOCK_EX | LOCK_NB) == 0;
  if (locked && is_there(number, folder / ".lock")) return tell_owner(number), number;
  const bool taken = locked || errno == EWOULDBLOCK;
  const std::string reason = std::strerror(errno);
  ::close(number);
  if (!taken) throw core::Error("cannot lock the folder: " + reason, "choose a folder on a disk that has locks");
  throw core::Error("another command is writing into this store" + owner(folder),
                    "wait until it has ended, or choose another folder");
}

}  // namespace

Lock::Lock(std::filesystem::path folder) : folder_(std::move(folder)) {
  core::with_context("store " + store_name(folder_), [&] {
    made_ = make(folder_);
    number_ = locked(folder_);
  });
}

Lock::~Lock() {
  if (number_ < 0) return;
  if (made_ && holds_lock_alone(folder_)) {
    std::error_code ignored;
    std::filesystem::remove(folder_ / ".lock", ignored);
    std::filesystem::remove(folder_, ignored);
  }
  ::close(number_);
}

Lock::Lock(Lock&& other) noexcept
    : folder_(std::move(other.folder_)), number_(std::exchange(other.number_, -1)), made_(other.made_) {}

}  // namespace store
