#pragma once
// A peer that is a Python package and takes turns with us: a script of tests/bench that answers each line with one JSON
// object, so that a busy moment of the machine meets both.

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace pipelines {

class PeerSession {
 public:
  // Starts PEERS/.venv's python with PEERS/SCRIPT and `words`. Throws usage Error when there is none.
  PeerSession(const std::filesystem::path& peers, const std::string& script, const std::vector<std::string>& words);
  ~PeerSession();  // ends it
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;

  // Waits for the answer. Throws Error when the script ended instead; its own message is on standard error.
  boost::json::object ask(const std::string& line);

 private:
  int line_ = -1;  // both ways
  pid_t child_ = -1;
};

}  // namespace pipelines
