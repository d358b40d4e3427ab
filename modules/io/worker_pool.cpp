#include "io/worker_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "io/source.h"
#include "io/worker_channel.h"

namespace io {
namespace {

using Clock = WorkerChannel::Clock;

constexpr int kSocketOfWorker = 3;
constexpr std::chrono::seconds kStartWithin{60};
// Kept in a worker's environment; everything else of ours is none of its business.
constexpr std::string_view kKept[] = {
    "DCMDICTPATH=", "TESSDATA_PREFIX=", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
// What the sanitizers find goes to stderr; libraries may print there what is in a file.
constexpr bool kQuiet = !kAddressSanitizer;

std::filesystem::path beside_this_program() {
  std::error_code failed;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
  return self.parent_path() / "gadolin-worker";
}

bool of_a_dead_worker(const std::string& code) { return code == "WORKER_CRASH" || code == "WORKER_TIMEOUT"; }

std::chrono::nanoseconds duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

class SpawnActions {
 public:
  explicit SpawnActions(int socket) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    if (kQuiet) posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_adddup2(&files, socket, kSocketOfWorker);
    // Signals that ask gadolin to stop reach the whole terminal; the worker goes on with its object, and ends with us.
    posix_spawnattr_init(&attributes);
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGQUIT}) sigaddset(&blocked, signal);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnActions() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

// The environment that a worker gets: "NAME=value" each.
std::vector<std::string> environment() {
  std::vector<std::string> kept{"LC_ALL=C", "OMP_THREAD_LIMIT=1"};
  for (const std::string_view name : kKept) {
    if (const char* value = std::getenv(std::string(name.substr(0, name.size() - 1)).c_str()))
      kept.push_back(std::string(name) + value);
  }
  return kept;
}

// How a worker ended, as the error of the object that it read.
core::Error loss(int status, bool late, const WorkerLimits& limits) {
  if (late)
    return reject("WORKER_TIMEOUT",
                  "reading was ended after " + std::to_string(static_cast<int>(limits.wall_s)) + " s by the clock",
                  "is the disk slow? else the file is damaged: fetch it again");
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
    return reject("WORKER_TIMEOUT",
                  "reading was ended after " + std::to_string(static_cast<int>(limits.cpu_s)) + " s of computing",
                  "the file is damaged or made to harm; fetch it again, or leave it out");
  const std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                              : "exit code " + std::to_string(WEXITSTATUS(status));
  return reject("WORKER_CRASH", "the process that read it ended with " + how,
                "the file is damaged or made to harm, or memory ran out: fetch it again, or leave it out");
}

}  // namespace

class WorkerPool::Worker {
 public:
  Worker(int process, Descriptor socket) : channel(std::move(socket)), process_(process) {}
  ~Worker() { end(); }

  WorkerChannel channel;

  int process() const { return process_; }

  // Ends it, when it has not ended by itself; how it ended (as of waitpid).
  int end() {
    if (ended_) return status_;
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return status_;
  }

  // Of a worker whose end of the socket is closed: it is dying, or has died.
  int wait() {
    while (!ended_ && ::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return status_;
  }

 private:
  int process_;
  bool ended_ = false;
  int status_ = 0;
};

// A worker that a caller waits for.
struct WorkerPool::Task {
  std::unique_ptr<Worker> worker;
  std::exception_ptr failed;
  bool done = false;
};

WorkerPool::WorkerPool(WorkerOptions options)
    : options_([&] {
        if (options.program.empty()) options.program = beside_this_program();
        options.workers = std::max(1, options.workers);
        return std::move(options);
      }()),
      starter_([this](std::stop_token ended) { start_on_request(ended); }) {
  if (::access(options_.program.c_str(), X_OK) != 0)
    throw core::Error("gadolin-worker is not beside gadolin, or cannot be run",
                      "install both: cmake --install puts them into one folder");
  give_back(take());
}

WorkerPool::~WorkerPool() = default;

std::unique_ptr<WorkerPool::Worker> WorkerPool::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw core::Error("no socket for gadolin-worker: " + std::string(std::strerror(errno)), "raise ulimit -n");
  Descriptor ours(pair[0]), theirs(pair[1]);
  const SpawnActions actions(theirs.number());
  std::vector<std::string> kept = environment();
  std::vector<char*> words;
  for (std::string& word : kept) words.push_back(word.data());
  words.push_back(nullptr);
  std::string name = options_.program.string();
  std::array<char*, 2> line{name.data(), nullptr};
  pid_t process = 0;
  const int failed =
      ::posix_spawn(&process, name.c_str(), &actions.files, &actions.attributes, line.data(), words.data());
  if (failed != 0)
    throw core::Error("gadolin-worker cannot be started: " + std::string(std::strerror(failed)), "raise ulimit -u");
  auto worker = std::make_unique<Worker>(process, std::move(ours));
  theirs = Descriptor();  // else its end would not be seen
  WorkerChannel::End end{};
  const bool asked = worker->channel.send(packed(WorkerSetup{GADOLIN_VERSION, ::getpid(), options_.limits}));
  if (!asked || !worker->channel.receive(end, Clock::now() + kStartWithin))
    throw core::Error("gadolin-worker does not start", "is it of the same build as gadolin?");
  return worker;
}

void WorkerPool::start_on_request(std::stop_token ended) {
  std::unique_lock hold(mutex_);
  while (changed_.wait(hold, ended, [&] { return !wanted_.empty(); })) {
    Task* const task = wanted_.back();
    wanted_.pop_back();
    hold.unlock();
    try {
      task->worker = start();
    } catch (...) {
      task->failed = std::current_exception();
    }
    hold.lock();
    task->done = true;
    changed_.notify_all();
  }
}

std::unique_ptr<WorkerPool::Worker> WorkerPool::take() {
  std::unique_lock hold(mutex_);
  changed_.wait(hold, [&] { return busy_ < options_.workers; });
  ++busy_;
  if (!idle_.empty()) {
    auto worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  Task task;
  wanted_.push_back(&task);
  changed_.notify_all();
  changed_.wait(hold, [&] { return task.done; });
  if (task.failed) {
    --busy_;
    changed_.notify_all();
    std::rethrow_exception(task.failed);
  }
  ++started_;
  living_.push_back(task.worker->process());
  return std::move(task.worker);
}

void WorkerPool::give_back(std::unique_ptr<Worker> worker) {
  const std::scoped_lock hold(mutex_);
  --busy_;
  idle_.push_back(std::move(worker));
  changed_.notify_all();
}

void WorkerPool::lose(std::unique_ptr<Worker> worker) {
  const int process = worker->process();
  worker.reset();
  const std::scoped_lock hold(mutex_);
  --busy_;
  std::erase(living_, process);
  changed_.notify_all();
}

Message WorkerPool::ask(const WorkerRequest& request) {
  const Message message = packed(request);
  std::unique_ptr<Worker> worker = take();
  try {
    while (!worker->channel.send(message)) {  // it died while it had nothing to do
      lose(std::move(worker));
      worker = take();
    }
    WorkerChannel::End end{};
    const auto deadline = Clock::now() + duration(options_.limits.wall_s);
    std::optional<Message> answer = worker->channel.receive(end, deadline);
    if (answer) {
      give_back(std::move(worker));
      return std::move(*answer);
    }
    const bool late = end == WorkerChannel::End::kLate;
    throw loss(late ? worker->end() : worker->wait(), late, options_.limits);
  } catch (...) {
    if (worker) lose(std::move(worker));
    throw;
  }
}

volume::Case WorkerPool::load(const Entry& entry, const Cohort& cohort) {
  const WorkerRequest request{with_files(entry, cohort), cohort.label_names, {}, cohort.key.bytes(), std::nullopt,
                              cohort.burned_in,          std::nullopt};
  volume::Case one = case_in(core::with_context("case " + entry.id, [&] { return ask(request); }));
  one.check();
  return one;
}

std::vector<FileLook> WorkerPool::look_at(std::span<const std::filesystem::path> files, const DeidKey& key) {
  try {
    std::vector<FileLook> looks = looks_in(
        ask({std::nullopt, {}, {files.begin(), files.end()}, key.bytes(), std::nullopt, BurnedIn::kOff, std::nullopt}));
    if (looks.size() != files.size()) throw core::Error("gadolin-worker looked at another number of files");
    return looks;
  } catch (const core::Error& error) {
    const Refusal why = refusal_of(error);
    if (!of_a_dead_worker(why.code)) throw;
    if (files.size() == 1) return {{FileLook::Kind::kDamaged, {}, why}};
  }
  // One of them is what killed it: each alone.
  std::vector<FileLook> looks;
  for (std::size_t i = 0; i < files.size(); ++i) looks.push_back(look_at(files.subspan(i, 1), key).front());
  return looks;
}

std::vector<DicomSeries> WorkerPool::volumes_of(const DicomSeries& series) {
  if (!series.several) return {series};
  try {
    return series_in(ask({std::nullopt, {}, {}, {}, series, BurnedIn::kOff, std::nullopt}));
  } catch (const core::Error& error) {
    if (!of_a_dead_worker(reason_of(error))) throw;
    return {series};  // reading it will tell why
  }
}

std::vector<std::string> WorkerPool::require_no_text(const std::filesystem::path& object) {
  return notes_in(ask({std::nullopt, {}, {}, {}, std::nullopt, BurnedIn::kOff, object}));
}

int WorkerPool::started() const {
  const std::scoped_lock hold(mutex_);
  return started_;
}

std::vector<int> WorkerPool::processes() const {
  const std::scoped_lock hold(mutex_);
  return living_;
}

}  // namespace io
