// gadolin-worker: reads what gadolin asks for over the socket it was started with, one object after the other, within
// limits (worker_pool.h). Not for people: without that socket it ends at once.
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>

#include "io/worker_channel.h"
#include "io/worker_tesseract.h"

namespace {

constexpr int kSocket = 3;
constexpr bool kLimitMemory = !io::kAddressSanitizer;  // its shadow takes terabytes of addresses

// As told, or as low as it already was for the whole process tree.
void limit(__rlimit_resource what, rlim_t most) {
  rlimit both{};
  ::getrlimit(what, &both);
  both.rlim_max = std::min(both.rlim_max, most);
  both.rlim_cur = both.rlim_max;
  if (::setrlimit(what, &both) != 0) throw core::Error("a limit of gadolin-worker cannot be set");
}

// From now on: at most so much more of the processor's time.
void begin_object(const io::WorkerLimits& limits) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
  rlimit both{};
  ::getrlimit(RLIMIT_CPU, &both);
  both.rlim_cur = std::min(both.rlim_max, static_cast<rlim_t>(std::ceil(seconds + limits.cpu_s)));
  ::setrlimit(RLIMIT_CPU, &both);
}

void settle(const io::WorkerSetup& setup) {
  if (setup.version != GADOLIN_VERSION) throw core::Error("gadolin-worker is of another build");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != setup.parent) throw core::Error("gadolin is gone");
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  limit(RLIMIT_CORE, 0);  // what is in a file must not come into a core dump
  ::signal(SIGXFSZ, SIG_IGN);
  // What one slice needed is kept for the next: fresh pages cost more than decoding into them.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  limit(RLIMIT_FSIZE, setup.limits.memory_bytes);  // a file in memory counts
  if (kLimitMemory) limit(RLIMIT_AS, setup.limits.memory_bytes);
  volume::VoxelMemory::share_all();
}

core::Error out_of_memory(const io::WorkerLimits& limits) {
  return io::reject("WORKER_MEMORY",
                    "reading it needs more than the " + std::to_string(limits.memory_bytes >> 20) + " MiB allowed",
                    "allow more memory when the image is that large; else it is damaged or made to harm");
}

core::Error our_bug(const std::exception& error) {
  return io::reject("WORKER_CRASH", std::string("this is a bug of gadolin: ") + error.what(), "please report it");
}

io::Message load(const io::WorkerRequest& request, const io::WorkerLimits& limits) {
  io::Cohort cohort;
  cohort.label_names = request.label_names;
  cohort.key = io::DeidKey(request.key);
  cohort.burned_in = request.burned_in;
  const std::string context = "case " + request.entry->id;
  try {
    begin_object(limits);
    const volume::Case one = io::load(*request.entry, cohort);
    return io::packed(one);
  } catch (const core::Error& error) {
    return io::packed(error);
  } catch (const std::bad_alloc&) {
    return io::packed(out_of_memory(limits).within(context));
  } catch (const std::exception& error) {
    return io::packed(our_bug(error).within(context));
  }
}

io::Message look(const io::WorkerRequest& request, const io::WorkerLimits& limits) {
  std::vector<io::FileLook> looks;
  for (const std::filesystem::path& file : request.files) {
    try {
      begin_object(limits);
      looks.push_back(io::in_process().look_at(std::span(&file, 1), io::DeidKey(request.key)).front());
    } catch (const std::bad_alloc&) {
      looks.push_back({io::FileLook::Kind::kDamaged, {}, io::refusal_of(out_of_memory(limits))});
    } catch (const std::exception& error) {
      looks.push_back({io::FileLook::Kind::kDamaged, {}, io::refusal_of(our_bug(error))});
    }
  }
  return io::packed(looks);
}

io::Message part(const io::DicomSeries& series, const io::WorkerLimits& limits) {
  try {
    begin_object(limits);
    return io::packed(io::in_process().volumes_of(series));
  } catch (const std::exception&) {
    return io::packed(std::vector<io::DicomSeries>{series});  // reading it will tell why
  }
}

io::Message look_for_text(const std::filesystem::path& object, const io::WorkerLimits& limits) {
  try {
    begin_object(limits);
    return io::packed(io::require_no_text(object));
  } catch (const core::Error& error) {
    return io::packed(error);
  } catch (const std::bad_alloc&) {
    return io::packed(out_of_memory(limits));
  } catch (const std::exception& error) {
    return io::packed(our_bug(error));
  }
}

io::Message answer_to(const io::WorkerRequest& request, const io::WorkerLimits& limits) {
  if (request.entry) return load(request, limits);
  if (request.pixels) return look_for_text(*request.pixels, limits);
  return request.series ? part(*request.series, limits) : look(request, limits);
}

void serve(io::WorkerChannel& channel) {
  io::WorkerChannel::End end{};
  std::optional<io::Message> first = channel.receive(end);
  if (!first) return;
  const io::WorkerSetup setup = io::setup_in(std::move(*first));
  settle(setup);
  if (!channel.send({})) return;
  while (std::optional<io::Message> message = channel.receive(end)) {
    const io::WorkerRequest request = io::request_in(std::move(*message));
    if (!channel.send(answer_to(request, setup.limits))) return;
  }
}

}  // namespace

int main() {
  io::set_text_reader(io::tesseract_reader);
  try {
    io::WorkerChannel channel{io::Descriptor(kSocket)};
    serve(channel);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gadolin-worker: %s\n", error.what());
    return 1;
  }
}
