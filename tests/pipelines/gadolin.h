#pragma once
// Runs the gadolin binary as a person would.

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

struct Outcome {
  int exit = -1;
  std::string out;  // stdout and stderr together
};

inline Outcome gadolin(const std::string& arguments) {
  Outcome outcome;
  FILE* pipe = popen((std::string(GADOLIN_BINARY) + " " + arguments + " 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) outcome.out.append(buffer.data(), n);
  const int status = pclose(pipe);
  outcome.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}
