#pragma once
// What went wrong, told from the outside in, with a hint at the end; and the exit codes of every command.

#include <stdexcept>
#include <string>
#include <utility>

namespace core {

// Exit codes of every gadolin command.
enum class Exit : int {
  kDone = 0,           // everything asked for was done
  kBug = 1,            // our fault: a failed CHECK or an unexpected exception
  kUsage = 2,          // wrong arguments or configuration
  kNothingUsable = 3,  // nothing of the input could be used
  kSomeFailed = 4,     // done, but some cases failed and are listed
  kInterrupted = 5,    // stopped on request after a checkpoint
};

// The user's input, machine or file is at fault. `what()` reads from the outermost context to the cause, then the hint:
// "ingest patient 0012: read series 1.2: slice 17: too short. Hint: fetch the series again."
// Never put a patient's name, number or date into a message: paths inside the archive and hashed names only.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string cause, std::string hint = "", Exit exit = Exit::kNothingUsable);

  // The same error one level further out; the hint and the exit code stay.
  Error within(const std::string& context) const;

  const std::string& story() const { return story_; }
  const std::string& hint() const { return hint_; }
  Exit exit() const { return exit_; }

 private:
  std::string story_;
  std::string hint_;
  Exit exit_;
};

// Wrong arguments or configuration: exit code 2.
inline Error usage_error(std::string cause, std::string hint = "") {
  return Error(std::move(cause), std::move(hint), Exit::kUsage);
}

// Runs `body`; an Error that leaves it gains `context` in front of its story.
template <class Body>
auto with_context(const std::string& context, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    throw error.within(context);
  }
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace core

// An invariant of our own. Failing is a bug of gadolin (std::logic_error, exit code 1), never bad input.
#define GADOLIN_CHECK(condition)                                            \
  do {                                                                      \
    if (!(condition)) ::core::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
