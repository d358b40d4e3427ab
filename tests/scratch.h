#pragma once
// A folder for the test that runs, and what tests do with files.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/error.h"

// Empty at first, gone afterwards.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string("gadolin_") + info->test_suite_name() + "_" + info->name();
    std::replace(name.begin(), name.end(), '/', '_');  // of a parametrised test
    path = std::filesystem::temp_directory_path() / (name + "_" + std::to_string(::getpid()));
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path / name; }
  std::string word(const std::string& name) const { return (path / name).string(); }
};

// For a command line.
inline std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

inline std::filesystem::path shared_data() {
  if (const char* given = std::getenv("GADOLIN_SHARED_DATA")) return given;
  return std::filesystem::weakly_canonical(std::filesystem::path(__FILE__).parent_path() / "../../shared/data");
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// What `body` throws as core::Error, "" when nothing.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}
