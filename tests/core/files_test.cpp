#include "core/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "core/error.h"
#include "core/hash.h"

namespace fs = std::filesystem;

namespace {

fs::path folder(const char* name) {
  const fs::path path = fs::path(testing::TempDir()) / name;
  fs::remove_all(path);
  return path;
}

}  // namespace

TEST(Sha256, AgreesWithFips180) {
  EXPECT_EQ(core::sha256_hex(std::string_view("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(core::sha256_hex(std::string_view("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(PublishFile, IsWholeAndLeavesNoLitter) {
  const fs::path dir = folder("publish");
  core::publish_file(dir / "a.txt", std::string_view("one"));
  core::publish_file(dir / "a.txt", std::string_view("three"));
  EXPECT_EQ(core::read_text(dir / "a.txt"), "three");
  EXPECT_EQ(core::sha256_file_hex(dir / "a.txt"), core::sha256_hex(std::string_view("three")));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}

TEST(PublishFile, AFailedWriteKeepsTheOldFile) {
  const fs::path dir = folder("publish_failed");
  core::publish_file(dir / "a.txt", std::string_view("old"));
  EXPECT_THROW(core::publish_file(dir / "a.txt",
                                  [](const fs::path& temporary) {
                                    EXPECT_TRUE(core::is_temporary(temporary));
                                    std::ofstream(temporary) << "half";
                                    throw core::Error("no space");
                                  }),
               core::Error);
  EXPECT_EQ(core::read_text(dir / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}

// A limit on the file's size stands for a disk that fills up in the middle of a write.
TEST(PublishFile, ADiskThatFillsUpIsOneClearMessageAndKeepsTheOldFile) {
  const fs::path dir = folder("publish_full");
  core::publish_file(dir / "a.txt", std::string_view("old"));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string story;
  try {
    core::publish_file(dir / "a.txt", std::string_view(std::string(5000, 'x')));
  } catch (const core::Error& error) {
    story = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(story.find("cannot write a.txt"), 0u) << story;
  EXPECT_EQ(core::read_text(dir / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}

TEST(PublishFolder, IsThereWithAllItsFilesOrNotAtAll) {
  const fs::path dir = folder("publish_folder");
  core::publish_folder(dir / "series", [](const fs::path& temporary) {
    EXPECT_TRUE(core::is_temporary(temporary));
    std::ofstream(temporary / "a") << "one";
    fs::create_directory(temporary / "deeper");
    std::ofstream(temporary / "deeper/b") << "two";
  });
  EXPECT_EQ(core::read_text(dir / "series/deeper/b"), "two");
  EXPECT_THROW(core::publish_folder(dir / "series", [](const fs::path& t) { std::ofstream(t / "a") << "new"; }),
               core::Error);
  EXPECT_EQ(core::read_text(dir / "series/a"), "one");
  const auto half = [](const fs::path& temporary) {
    std::ofstream(temporary / "a") << "half";
    throw core::Error("no space");
  };
  EXPECT_THROW(core::publish_folder(dir / "other", half), core::Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}
