#include "core/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"

namespace core {
namespace {

constexpr std::string_view kSuffix = ".part";

Error system_error(const std::string& what, const std::filesystem::path& path) {
  const int number = errno;
  const std::string hint = number == ENOSPC || number == EDQUOT
                               ? "the disk is full; free space and run the same command again"
                           : number == EACCES || number == EROFS ? "check the permissions of the folder"
                                                                 : "";
  return Error(what + " " + path.filename().string() + ": " + std::strerror(number), hint);
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (number_ < 0) throw system_error("cannot open", path);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

void sync(const std::filesystem::path& path, int flags) {
  const Descriptor file(path, flags);
  if (::fsync(file.number()) != 0) throw system_error("cannot write to disk", path);
}

using OnPath = std::function<void(const std::filesystem::path&)>;

// Writes under a temporary name, syncs what was written, renames it, syncs the folder.
void publish(const std::filesystem::path& path, const OnPath& write, const OnPath& sync_all) {
  static std::atomic<unsigned> count{0};
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw Error("cannot make folder " + folder.filename().string() + ": " + failed.message());
  const std::filesystem::path temporary = folder / ("." + path.filename().string() + "." + std::to_string(::getpid()) +
                                                    "." + std::to_string(count++) + std::string(kSuffix));
  try {
    write(temporary);
    sync_all(temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw system_error("cannot publish", path);
  } catch (...) {
    std::filesystem::remove_all(temporary, failed);
    throw;
  }
  sync(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace

void publish_file(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write) {
  publish(path, write, [](const std::filesystem::path& temporary) { sync(temporary, O_RDONLY); });
}

void publish_folder(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write) {
  publish(
      path,
      [&](const std::filesystem::path& temporary) {
        std::filesystem::create_directory(temporary);
        write(temporary);
      },
      [](const std::filesystem::path& temporary) {
        for (const auto& file : std::filesystem::recursive_directory_iterator(temporary)) {
          sync(file.path(), file.is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
        }
        sync(temporary, O_RDONLY | O_DIRECTORY);
      });
}

void publish_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  publish_file(path, [&](const std::filesystem::path& temporary) {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t now = ::write(file.number(), bytes.data() + done, bytes.size() - done);
      if (now < 0 && errno == EINTR) continue;
      if (now < 0) throw system_error("cannot write", path);
      done += static_cast<std::size_t>(now);
    }
  });
}

void publish_file(const std::filesystem::path& path, std::string_view text) {
  publish_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

std::string read_text(const std::filesystem::path& path, std::size_t cap_bytes) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed) throw Error("cannot read " + path.filename().string() + ": " + failed.message(), "check the path");
  if (size > cap_bytes)
    throw Error(path.filename().string() + " has " + std::to_string(size) + " bytes, more than is sensible");
  std::ifstream file(path, std::ios::binary);
  std::string text(size, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(size)))
    throw Error("cannot read " + path.filename().string());
  return text;
}

bool is_temporary(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.size() > kSuffix.size() + 1 && name.front() == '.' && name.ends_with(kSuffix);
}

}  // namespace core
