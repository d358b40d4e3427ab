#include "pipelines/bench_peers.h"

#include <stdio.h>

#include <boost/json.hpp>

#include "core/error.h"
#include "pipelines/bench.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw core::Error("bench: the peers cannot be started");
  std::string text;
  char buffer[4096];
  for (std::size_t got = 0; (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  if (::pclose(pipe) != 0)
    throw core::Error("bench: the peers failed", "their own message stands above; tests/bench/peers.sh makes them");
  return text;
}

std::string quoted(const fs::path& path) {
  if (path.string().find('\'') != std::string::npos) throw core::usage_error("bench: a quote in " + path.string());
  return "'" + path.string() + "'";
}

}  // namespace

std::vector<PeerTimes> python_peers(const fs::path& peers, const std::string& script, const fs::path& folder,
                                    int repeats) {
  const fs::path python = peers / ".venv/bin/python";
  if (!fs::exists(python) || !fs::exists(peers / script))
    throw core::usage_error("bench: there are no peers in " + peers.string(),
                            "tests/bench/peers.sh makes them; then --peers tests/bench");
  const std::string text =
      output_of(quoted(python) + " " + quoted(peers / script) + " " + quoted(folder) + " " + std::to_string(repeats));
  const boost::json::object all = boost::json::parse(text).as_object();
  require_equal(all.at("ours_equal").as_bool(), script + ": what it reads of ours");
  std::vector<PeerTimes> times;
  for (const auto& item : all.at("peers").as_array()) {
    const boost::json::object& one = item.as_object();
    const std::string name(one.at("name").as_string());
    require_equal(one.at("equal").as_bool(), script + ": " + name);
    times.push_back({name, one.at("bytes").to_number<double>(), one.at("warm_s").to_number<double>(),
                     one.at("cold_s").to_number<double>()});
  }
  return times;
}

}  // namespace pipelines
