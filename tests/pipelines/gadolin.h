#pragma once
// Runs the gadolin binary as a person would.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "pipelines/command.h"

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

// Words as a shell splits them, '...' kept together; no other quoting.
inline std::vector<std::string> words_of(const std::string& arguments) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (const char c : arguments) {
    if (c == '\'') {
      quoted = !quoted;
      if (!open) words.emplace_back();
      open = true;
    } else if (c == ' ' && !quoted) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  return words;
}

// The command in a child of this process, its output into `output` (a file descriptor). Only for commands that use no
// torch: its threads do not live on in a child. Saves the quarter of a second in which torch is loaded.
inline pid_t begin_gadolin(const std::string& arguments, int output) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(output, 1);
  ::dup2(output, 2);
  const std::vector<std::string> words = words_of(arguments);
  std::vector<const char*> line{"gadolin"};
  for (const std::string& word : words) line.push_back(word.c_str());
  const int exit = pipelines::run(static_cast<int>(line.size()), line.data());
  std::fflush(nullptr);
  ::_exit(exit);
}

inline int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// As gadolin(), of commands that use no torch.
inline Outcome quick_gadolin(const std::string& arguments) {
  Outcome outcome;
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return outcome;
  const pid_t child = begin_gadolin(arguments, pipe[1]);
  ::close(pipe[1]);
  std::array<char, 4096> buffer{};
  for (ssize_t n; (n = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
    outcome.out.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(pipe[0]);
  outcome.exit = wait_for(child);
  return outcome;
}
