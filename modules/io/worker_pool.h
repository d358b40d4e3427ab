#pragma once
// Reading in processes of their own: an object that crashes, hangs or eats memory ends the process that reads it and
// costs nothing but itself. Processes are started with posix_spawn when they are needed, read one object after the
// other until one of them dies, and die with this process. They are told what to read through a socket, never by their
// command line, write nothing anywhere, and leave no core dump. Voxels come back in shared memory, without a copy.
//
// What a process does not survive is Error [WORKER_TIMEOUT], [WORKER_MEMORY] or [WORKER_CRASH]; all other errors are
// those of reading in this process.

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/worker_message.h"

namespace io {

struct WorkerOptions {
  int workers = 1;  // processes at once; more callers wait
  WorkerLimits limits;
  std::filesystem::path program;  // empty: gadolin-worker beside the running program
};

class WorkerPool final : public Reading {
 public:
  // Starts one, to see that it works. Throws Error when the program is not there or is of another build.
  explicit WorkerPool(WorkerOptions options = {});
  // Ends the processes. No call may be under way.
  ~WorkerPool() override;

  volume::Case load(const Entry& entry, const Cohort& cohort) override;
  std::vector<FileLook> look_at(std::span<const std::filesystem::path> files,
                                const DeidKey& key = DeidKey::known_to_all()) override;
  std::vector<DicomSeries> volumes_of(const DicomSeries& series) override;
  std::vector<std::string> require_no_text(const std::filesystem::path& object) override;

  // Processes started so far: what died of an object was replaced.
  int started() const;
  // Process ids of those that live.
  std::vector<int> processes() const;

 private:
  class Worker;
  struct Task;

  Message ask(const WorkerRequest& request);
  std::unique_ptr<Worker> take();
  void give_back(std::unique_ptr<Worker> worker);
  void lose(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> start();
  void start_on_request(std::stop_token ended);

  const WorkerOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::unique_ptr<Worker>> idle_;
  std::vector<int> living_;
  int busy_ = 0, started_ = 0;
  std::vector<Task*> wanted_;
  // All processes are children of this thread: a process dies when the thread ends that started it.
  std::jthread starter_;
};

}  // namespace io
