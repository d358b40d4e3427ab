#include "core/error.h"

#include <cstring>

namespace core {
namespace {

std::string compose(const std::string& story, const std::string& hint) {
  return hint.empty() ? story : story + ". Hint: " + hint;
}

}  // namespace

Error::Error(std::string cause, std::string hint, Exit exit)
    : std::runtime_error(compose(cause, hint)), story_(std::move(cause)), hint_(std::move(hint)), exit_(exit) {}

Error Error::within(const std::string& context) const { return Error(context + ": " + story_, hint_, exit_); }

void check_failed(const char* condition, const char* file, int line) {
  const char* base = std::strrchr(file, '/');
  throw std::logic_error(std::string("internal check failed: ") + condition + " (" + (base ? base + 1 : file) + ":" +
                         std::to_string(line) + ")");
}

}  // namespace core
