#include "core/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/log.h"

namespace core {
namespace {

std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return "process " + std::to_string(::getpid()) + " of " + (host[0] == '\0' ? "this machine" : host.data());
}

std::string content_of(int file) {
  std::array<char, 400> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "another process";
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  file_ = ::open((folder / ".in-use").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) {
    throw Error("cannot write to folder " + folder.filename().string() + ": " + std::strerror(errno),
                "check its permissions and whether the disk is full");
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) {
    const std::string name = own_name();
    if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, name.data(), name.size(), 0) < 0)
      log_debug("who uses the folder could not be written down");
    return;
  }
  const int number = errno;
  const std::string owner = content_of(file_);
  if (number == EWOULDBLOCK) {
    ::close(file_);
    throw usage_error("folder " + folder.filename().string() + " is in use by " + owner,
                      "wait until it ends, or write into another folder");
  }
  log_warn(std::string("the folder cannot be locked (") + std::strerror(number) +
           "): see to it that no second process writes into it");
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace core
