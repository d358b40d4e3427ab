// The walk of an archive.
#include "io/file_walk.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <vector>

#include "scratch.h"

namespace {

namespace fs = std::filesystem;

std::vector<io::WalkedFile> walked(const fs::path& root, io::WalkCounts* counts = nullptr) {
  io::FileWalk walk(root);
  std::vector<io::WalkedFile> files;
  while (auto file = walk.next()) files.push_back(*file);
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  if (counts != nullptr) *counts = walk.counts();
  return files;
}

// Root may enter every folder; meanwhile this thread may not.
class WithoutPrivilege {
 public:
  WithoutPrivilege() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, kept_), 0);
    __user_cap_data_struct fewer[2] = {kept_[0], kept_[1]};
    fewer[0].effective &= ~(1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH);
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer), 0);
  }
  ~WithoutPrivilege() { ::syscall(SYS_capset, &header_, kept_); }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct kept_[2]{};
};

}  // namespace

TEST(FileWalk, EveryFileIsSeenOnceWithItsSize) {
  const Scratch scratch;
  write_bytes(scratch / "a/b/c/1", "12345");
  write_bytes(scratch / "a/2", "");
  write_bytes(scratch / "3", "x");
  const auto files = walked(scratch.path);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].path, scratch / "3");
  EXPECT_EQ(files[1].path, scratch / "a/2");
  EXPECT_EQ(files[2].path, scratch / "a/b/c/1");
  EXPECT_EQ(files[2].size_bytes, 5);
  EXPECT_GT(files[2].changed_ns, std::int64_t{1'500'000'000} * 1'000'000'000);
  EXPECT_EQ(walked(scratch / "3").size(), 1u);
  EXPECT_NE(error_of([&] { walked(scratch / "absent"); }).find("[FILE_MISSING]"), std::string::npos);
}

TEST(FileWalk, LoopsSocketsPipesAndStrangeNamesDoNotEndIt) {
  const Scratch scratch;
  write_bytes(scratch / "in/1", "1");
  write_bytes(scratch / "in/\xff\xfe\n name", "1");  // no UTF-8
  fs::create_directory_symlink(scratch.path, scratch / "in/loop");
  fs::create_symlink("self", scratch / "in/self");
  fs::create_symlink("1", scratch / "in/link_to_file");
  ASSERT_EQ(::mkfifo((scratch / "in/pipe").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = scratch.word("in/socket");
  ASSERT_LT(name.size(), sizeof(address.sun_path));
  std::copy(name.begin(), name.end(), address.sun_path);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(socket);
  io::WalkCounts counts;
  const auto files = walked(scratch.path, &counts);
  EXPECT_EQ(files.size(), 3u);
  EXPECT_EQ(counts.files, 3);
  EXPECT_EQ(counts.links, 1);
  EXPECT_EQ(counts.unreadable, 1);  // the link to itself
  EXPECT_EQ(counts.special, 2);
}

TEST(FileWalk, AFolderNobodyMayEnterIsCountedAndTheOthersAreSeen) {
  const Scratch scratch;
  write_bytes(scratch / "closed/1", "1");
  write_bytes(scratch / "open/2", "1");
  fs::permissions(scratch / "closed", fs::perms::none);
  io::WalkCounts counts;
  std::size_t seen = 0;
  {
    const WithoutPrivilege like_others;
    seen = walked(scratch.path, &counts).size();
  }
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(counts.unreadable, 1);
  fs::permissions(scratch / "closed", fs::perms::owner_all);
}

TEST(FileWalk, AFolderTooDeepIsCountedNotEntered) {
  const Scratch scratch;
  const fs::path before = fs::current_path();
  fs::current_path(scratch.path);
  for (int i = 0; i < 300; ++i) {
    fs::create_directory("d");
    fs::current_path("d");
  }
  std::ofstream("deep") << "x";
  fs::current_path(before);
  write_bytes(scratch / "1", "1");
  io::WalkCounts counts;
  EXPECT_EQ(walked(scratch.path, &counts).size(), 1u);
  EXPECT_EQ(counts.too_deep, 1);
}
