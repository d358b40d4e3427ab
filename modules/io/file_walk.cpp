#include "io/file_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <string_view>
#include <vector>

#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDeepestFolder = 256;

constexpr std::int64_t kSettled = 2'000'000'000;  // disks that keep times keep them to two seconds or better

std::int64_t ns_of(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

WalkedFile described(fs::path path, const struct stat& facts) {
  const std::int64_t changed = ns_of(facts.st_mtim);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {std::move(path), facts.st_size, changed, ns_of(now) - changed > kSettled};
}

}  // namespace

struct FileWalk::State {
  struct Level {
    fs::path path;
    OpenFolder handle;
  };
  std::vector<Level> levels;
  std::optional<WalkedFile> only;  // the root is a file
  WalkCounts counts;

  void enter(const fs::path& folder, int above, const char* name, int more_flags) {
    const int handle = ::openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | more_flags);
    DIR* const opened = handle < 0 ? nullptr : ::fdopendir(handle);
    if (opened == nullptr) {
      if (handle >= 0) ::close(handle);
      ++counts.unreadable;
      return;
    }
    levels.push_back({folder, OpenFolder(opened)});
  }

  // What a name in the innermost folder stands for; a file is given back, a folder entered, all else counted.
  std::optional<WalkedFile> take(const char* name) {
    const Level& level = levels.back();
    const int folder = ::dirfd(level.handle.get());
    struct stat facts {};
    if (::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return missed(counts.unreadable);
    if (S_ISLNK(facts.st_mode)) {
      if (::fstatat(folder, name, &facts, 0) != 0) return missed(counts.unreadable);  // leads nowhere, or to itself
      if (S_ISDIR(facts.st_mode)) return missed(counts.links);
    }
    if (S_ISREG(facts.st_mode)) return described(level.path / name, facts);
    if (!S_ISDIR(facts.st_mode)) return missed(counts.special);
    if (levels.size() >= kDeepestFolder) return missed(counts.too_deep);
    enter(level.path / name, folder, name, O_NOFOLLOW);
    return std::nullopt;
  }

  static std::optional<WalkedFile> missed(std::int64_t& count) {
    ++count;
    return std::nullopt;
  }
};

FileWalk::FileWalk(const fs::path& root) : state_(std::make_unique<State>()) {
  struct stat facts {};
  if (::stat(root.c_str(), &facts) != 0) throw reject("FILE_MISSING", "it is not there", "check the path");
  if (S_ISREG(facts.st_mode)) {
    state_->only = described(root, facts);
  } else {
    state_->enter(root, AT_FDCWD, root.c_str(), 0);
    if (state_->levels.empty()) throw reject("FILE_MISSING", "it cannot be read", "check who may read it");
  }
}

FileWalk::~FileWalk() = default;

std::optional<WalkedFile> FileWalk::next() {
  State& state = *state_;
  if (state.only) {
    ++state.counts.files;
    return std::exchange(state.only, std::nullopt);
  }
  while (!state.levels.empty()) {
    const dirent* const entry = ::readdir(state.levels.back().handle.get());
    if (entry == nullptr) {
      state.levels.pop_back();
      continue;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (auto file = state.take(entry->d_name)) {
      ++state.counts.files;
      return file;
    }
  }
  return std::nullopt;
}

const WalkCounts& FileWalk::counts() const { return state_->counts; }

WalkedFile file_at(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    throw reject("FILE_MISSING", "file " + path.filename().string() + " is not there",
                 "check the path, or copy the file");
  return described(path, facts);
}

core::Error changed_meanwhile() {
  return reject("CHANGED", "a file changed while it was read",
                "run the same command again when it is there as a whole");
}

}  // namespace io
