#pragma once
// Runs a command inside the test's process: without loading torch's libraries each time.

#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "gadolin.h"
#include "pipelines/command.h"

// Words are parted by spaces; there is no shell.
inline Outcome gadolin_in_process(const std::string& arguments) {
  std::vector<std::string> words{"gadolin"};
  std::istringstream stream(arguments);
  for (std::string word; stream >> word;) words.push_back(word);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit = pipelines::run(static_cast<int>(argv.size()), argv.data());
  std::fflush(stdout);
  outcome.out = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
  return outcome;
}
