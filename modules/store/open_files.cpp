#include "store/open_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

std::shared_ptr<const ReadOnlyFile> OpenFiles::kept(const std::filesystem::path& path) {
  const auto found = std::ranges::find(kept_, path, &Kept::path);
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front().file;
}

std::shared_ptr<const ReadOnlyFile> OpenFiles::get(const std::filesystem::path& path) {
  {
    const std::scoped_lock lock(mutex_);
    if (auto file = kept(path)) return file;
  }
  const auto opened = std::make_shared<const ReadOnlyFile>(path);  // the others need not wait for a slow disk
  const std::scoped_lock lock(mutex_);
  if (auto file = kept(path)) return file;
  kept_.push_front({path, opened});
  if (kept_.size() > most_) kept_.pop_back();
  return opened;
}

}  // namespace store
