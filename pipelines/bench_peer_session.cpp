#include "pipelines/bench_peer_session.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cerrno>

#include "core/error.h"

extern char** environ;

namespace pipelines {

PeerSession::PeerSession(const std::filesystem::path& peers, const std::string& script,
                         const std::vector<std::string>& words) {
  std::vector<std::string> all{(peers / ".venv/bin/python").string(), (peers / script).string()};
  if (!std::filesystem::exists(all[0]) || !std::filesystem::exists(all[1]))
    throw core::usage_error("bench: there are no peers in " + peers.string(),
                            "tests/bench/peers.sh makes them; then --peers tests/bench");
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw core::Error("bench: no line to the peer");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  const int failed = ::posix_spawn(&child_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  line_ = ends[0];
  if (failed == 0) return;
  ::close(line_);
  throw core::Error("bench: the peers cannot be started");
}

PeerSession::~PeerSession() {
  ::close(line_);  // the script sees the end of its input
  ::waitpid(child_, nullptr, 0);
}

boost::json::object PeerSession::ask(const std::string& line) {
  const core::Error ended("bench: the peers failed", "their own message stands above; tests/bench/peers.sh makes them");
  const std::string text = line + "\n";
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t more = ::send(line_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (more > 0) sent += static_cast<std::size_t>(more);
    if (more <= 0 && errno != EINTR) throw ended;
  }
  std::string answer;
  while (!answer.ends_with('\n')) {
    char buffer[4096];
    const ssize_t got = ::recv(line_, buffer, sizeof buffer, 0);
    if (got > 0) answer.append(buffer, static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) throw ended;
  }
  return boost::json::parse(answer).as_object();
}

}  // namespace pipelines
