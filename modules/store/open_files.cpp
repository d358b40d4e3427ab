#include "store/open_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace store {

ReadOnlyFile::ReadOnlyFile(const std::filesystem::path& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (number_ < 0) throw core::Error("cannot open " + path.filename().string() + ": " + std::strerror(errno));
}

ReadOnlyFile::~ReadOnlyFile() { ::close(number_); }

void ReadOnlyFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t now = ::pread(number_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) throw core::Error(std::string("cannot read: ") + std::strerror(errno));
    if (now == 0) throw core::Error("the file ends too early");
    done += static_cast<std::size_t>(now);
  }
}

void ReadOnlyFile::will_need(std::uint64_t offset, std::uint64_t size) const {
  ::posix_fadvise(number_, static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
}

std::shared_ptr<const ReadOnlyFile> OpenFiles::get(const std::filesystem::path& path) {
  return kept_.get(
      path.string(), [&] { return std::make_shared<const ReadOnlyFile>(path); }, [](const ReadOnlyFile&) { return 1; });
}

}  // namespace store
