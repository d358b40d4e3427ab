#pragma once
// What gadolin and gadolin-worker of one build say to each other. Values travel as bytes: numbers as this machine keeps
// them (every double comes back bit for bit), file names as they are (they need not be UTF-8), voxels as files in
// memory beside the message. The functions that take a message apart trust nothing in it and throw Error when it is
// damaged.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/reading.h"

namespace io {

// An open file; closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int number() const { return number_; }
  int release();

 private:
  int number_;
};

struct Message {
  std::string bytes;
  std::vector<Descriptor> files;  // what the volumes lie in
};

// What one object may take. An object is a case, or the header of a file.
struct WorkerLimits {
  double cpu_s = 60;                                    // counted in whole seconds, up to one more
  double wall_s = 300;                                  // by the clock: a disk that does not answer
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;  // address space of the process, voxels included
};

// The first message to a worker; it answers with an empty one when it is ready.
struct WorkerSetup {
  std::string version;  // of gadolin; a worker of another build refuses
  std::int64_t parent = 0;
  WorkerLimits limits;
};

// A case to load, a series to part into its volumes, an object to look for text in or, without all, files to look at.
struct WorkerRequest {
  std::optional<Entry> entry;
  std::map<int, std::string> label_names;
  std::vector<std::filesystem::path> files;
  DeidKey::Bytes key{};  // that names are made with
  std::optional<DicomSeries> series;
  BurnedIn burned_in = BurnedIn::kOff;          // of the case
  std::optional<std::filesystem::path> pixels;  // as of require_no_text()
};

Message packed(const WorkerSetup& setup);
Message packed(const WorkerRequest& request);
// Answers. The voxels of a case must lie in shared memory (VoxelMemory::share_all).
Message packed(const volume::Case& one);
Message packed(const std::vector<FileLook>& looks);
Message packed(const std::vector<DicomSeries>& volumes);
Message packed(const std::vector<std::string>& notes);
Message packed(const core::Error& error);

// A look as bytes, for a disk (file_index.h).
std::string packed_look(const FileLook& look);
FileLook look_in(const std::string& bytes);

WorkerSetup setup_in(Message message);
WorkerRequest request_in(Message message);
// Throw the Error that was the answer.
volume::Case case_in(Message message);
std::vector<FileLook> looks_in(Message message);
std::vector<DicomSeries> series_in(Message message);
std::vector<std::string> notes_in(Message message);

}  // namespace io
