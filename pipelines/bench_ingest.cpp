// A DICOM series from its files to voxels, beside ITK, DCMTK and the bare codecs; then a whole ingest by its stages.
//
// Decoding is the way from files to voxels in memory that this process can read, through gadolin-worker, our check of
// every file included. What is counted there are seconds of the processor, of this process and of the worker together:
// they work one after the other, so that is what one core can do. Files are in the page cache. Peers read into memory
// that is fresh each time; ours is what the worker kept of the volume before, as it is in an ingest.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/files.h"
#include "core/hash.h"
#include "io/source.h"
#include "io/worker_pool.h"
#include "pipelines/bench.h"
#include "pipelines/bench_ingest_series.h"
#include "pipelines/ingest_quality.h"
#include "store/writer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestSlice = 512;
constexpr double kMb = 1e6;

io::Entry entry_of(const BenchSeries& series) {
  io::Entry entry;
  entry.id = "bench";
  entry.files = series.files;
  entry.is_series = true;
  return entry;
}

std::unique_ptr<std::uint16_t[]> fresh(std::size_t count) {
  return std::unique_ptr<std::uint16_t[]>(new std::uint16_t[count]);  // untouched, unlike a vector's
}

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Place {
  fs::path folder;
  const volume::Volume& ct;
  io::WorkerPool& pool;
  int repeats;

  std::size_t voxels() const { return static_cast<std::size_t>(ct.shape().voxels()); }
  double mb() const { return static_cast<double>(ct.bytes().size()) / kMb; }
  std::vector<double> processor_seconds(const std::vector<std::function<void()>>& bodies) const {
    clockid_t worker{};
    GADOLIN_CHECK(::clock_getcpuclockid(pool.processes().front(), &worker) == 0);
    return median_seconds(bodies, repeats, [&] { return pipelines::processor_seconds() + seconds_of(worker); });
  }
  BenchSeries series(const char* name, BenchCodec codec) const { return bench_series(folder / name, ct, codec); }
};

void require_ours(const Place& place, const BenchSeries& series, const std::string& what) {
  const volume::Case one = place.pool.load(entry_of(series), {});
  const volume::Volume& image = one.reference();
  require_equal(image.shape() == place.ct.shape() && image.type() == place.ct.type() &&
                    image.offset == place.ct.offset &&
                    std::memcmp(image.bytes().data(), place.ct.bytes().data(), image.bytes().size()) == 0,
                what + ": what was written and what is read");
}

void require_theirs(const Place& place, const std::string& what,
                    const std::function<void(std::span<std::uint16_t>)>& read) {
  const auto memory = fresh(place.voxels());
  read({memory.get(), place.voxels()});
  require_equal(std::memcmp(memory.get(), place.ct.bytes().data(), place.ct.bytes().size()) == 0, what);
}

void require_itk(const Place& place, const BenchSeries& series, bool sorted) {
  read_by_itk(series, sorted, [&](std::span<const std::int16_t> hu) {
    const auto ours = place.ct.voxels<std::uint16_t>();
    bool equal = hu.size() == ours.size();
    for (std::size_t i = 0; equal && i < hu.size(); ++i) equal = hu[i] == ours[i] + place.ct.offset;
    require_equal(equal, "ingest: ITK");
  });
}

std::vector<BenchResult> uncompressed(const Place& place, const BenchSeries& series) {
  require_ours(place, series, "ingest");
  require_theirs(place, "ingest: DCMTK", [&](auto target) { read_by_dcmtk(series, target); });
  require_itk(place, series, false);
  require_itk(place, series, true);
  const auto nothing = [](std::span<const std::int16_t>) {};
  const std::vector<double> s = place.processor_seconds({[&] { place.pool.load(entry_of(series), {}); },
                                                         [&] { read_by_itk(series, false, nothing); },
                                                         [&] {
                                                           const auto memory = fresh(place.voxels());
                                                           read_by_dcmtk(series, {memory.get(), place.voxels()});
                                                         },
                                                         [&] { read_by_itk(series, true, nothing); }});
  const std::string dcmtk = "DCMTK loadFile, findAndGetUint16Array, copy";
  return {
      {"CT uncompressed, CPU time", place.mb(), "MB", "ITK series reader (GDCM), told the order", dcmtk, s[0], s[1],
       s[2]},
      {"CT uncompressed, CPU time", place.mb(), "MB", "ITK series reader (GDCM), finding it", dcmtk, s[0], s[3], s[2]}};
}

BenchResult compressed(const Place& place, const std::string& what, const char* bare, BenchCodec codec) {
  const BenchSeries series = place.series(bare, codec);
  require_ours(place, series, "ingest " + what);
  require_theirs(place, "ingest " + what, [&](auto target) { decode_bare(series, target); });
  const std::vector<double> s = place.processor_seconds({[&] { place.pool.load(entry_of(series), {}); },
                                                         [&] {
                                                           const auto memory = fresh(place.voxels());
                                                           decode_bare(series, {memory.get(), place.voxels()});
                                                         }});
  return {"CT " + what + ", CPU time", place.mb(), "MB", std::string(bare) + ", frames in memory", "", s[0], s[1], 0};
}

// Mebibytes that the process held at most.
double peak_mb(int process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 / kMb;
  }
  return 0;
}

std::string memory_note(const Place& place) {
  const double most = place.mb() + 300;
  return fmt::format("ingest: a worker held {:.0f} MB at most; the limit, one volume and 300 MB, is {:.0f} MB",
                     peak_mb(place.pool.processes().front()), most);
}

// What `ingest` does with one series, one stage after the other, and what bounds the two that read or write it all.
std::vector<BenchResult> stages(const Place& place, const BenchSeries& series) {
  const fs::path source = series.files.front().parent_path();
  const io::Entry entry = entry_of(series);
  const volume::Case one = place.pool.load(entry, {});
  std::uint64_t in_files = 0;
  for (const fs::path& file : series.files) in_files += fs::file_size(file);
  const std::string all(in_files, 'x');
  int turn = 0;
  const std::vector<double> s = median_seconds(
      {[&] { io::find_cohort(source, {.layout = "dicom", .reading = &place.pool}); },
       [&] { io::source_hash(entry, {}); }, [&] { place.pool.load(entry, {}); },
       [&] { quality_of(one, ""), thumbnail_of(one); },
       [&] {
         store::Writer writer(place.folder / ("store" + std::to_string(++turn)));
         writer.add(one);
         writer.commit();
       },
       [&] { core::sha256_hex(all); }, [&] { core::publish_file(place.folder / "disk", place.ct.bytes()); }},
      place.repeats);
  const double whole = s[0] + s[1] + s[2] + s[3] + s[4];
  const auto row = [&](const char* what, double seconds, const char* limit, double limit_s) {
    return BenchResult{fmt::format("{}, {:.0f} % of the time", what, 100 * seconds / whole),
                       place.mb(),
                       "MB",
                       "",
                       limit,
                       seconds,
                       0,
                       limit_s};
  };
  std::vector<BenchResult> rows{row("stage walk and look", s[0], "", 0),
                                row("stage hash", s[1], "SHA-256 of as many bytes in memory", s[5]),
                                row("stage decode", s[2], "", 0),
                                row("stage quality", s[3], "", 0),
                                row("stage store", s[4], "the voxels written as they are, and fsync", s[6]),
                                row("whole", whole, "", 0)};
  rows.back().note = memory_note(place);
  return rows;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-ingest-" + std::to_string(::getpid()));
  const struct Gone {
    fs::path path;
    ~Gone() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } gone{folder};
  const volume::Volume ct = bench_ct(std::min(kLargestSlice, 4 * options.size), options.size);
  io::WorkerPool pool;
  const Place place{folder, ct, pool, options.repeats};
  const BenchSeries plain = place.series("plain", BenchCodec::kNone);
  std::vector<BenchResult> results = uncompressed(place, plain);
  results.push_back(compressed(place, "RLE", "DCMTK's RLE decoder", BenchCodec::kRle));
  results.push_back(compressed(place, "JPEG lossless", "DCMTK's 16-bit JPEG", BenchCodec::kJpegLossless));
  results.push_back(compressed(place, "JPEG-LS", "CharLS of DCMTK", BenchCodec::kJpegLs));
  results.push_back(compressed(place, "JPEG 2000", "OpenJPEG", BenchCodec::kJpeg2000));
  for (BenchResult& row : stages(place, plain)) results.push_back(std::move(row));
  return results;
}

}  // namespace

extern const Workload ingest_workload;
const Workload ingest_workload{"ingest", "a DICOM series into memory, beside ITK, DCMTK and bare codecs", run};

}  // namespace pipelines
