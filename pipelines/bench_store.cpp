// Random boxes of many int16 volumes out of both tiers of a store, beside the HDF5 library and, with --peers, Blosc2,
// h5py and zarr.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "pipelines/bench.h"
#include "pipelines/bench_npy.h"
#include "pipelines/bench_peers.h"
#include "store/hdf5.h"
#include "store/manifest.h"
#include "store/reader.h"
#include "store/shard.h"
#include "store/writer.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr int kVolumes = 4;
constexpr int kBoxes = 40;

struct PlacedBox {
  std::int64_t volume = 0;
  store::Box box;
};

// A hyperslab as any program that knows HDF5 would read it, from data sets that are open already.
class OpenArrays {
 public:
  explicit OpenArrays(const fs::path& folder) {
    // As the store's reader opens it: the library wants the same flags for the same file.
    const store::Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "open the shard");
    store::hdf5_require(H5Pset_file_locking(access, false, true), "open the shard");
    for (std::size_t i = 0; i < kVolumes; ++i) {
      const fs::path shard = store::shard_path(folder, store::shard_name(i));
      files_.emplace_back(H5Fopen(shard.c_str(), H5F_ACC_RDONLY, access), H5Fclose, "open the shard");
      const std::string name = "/case-00000/" + store::channel_array(0);
      sets_.emplace_back(H5Dopen2(files_.back(), name.c_str(), H5P_DEFAULT), H5Dclose, "open " + name);
    }
  }

  void read(const PlacedBox& one, std::vector<std::int16_t>& out) const {
    std::array<hsize_t, 3> begin{}, count{};
    for (std::size_t a = 0; a < 3; ++a) {
      begin[a] = static_cast<hsize_t>(one.box.begin[a]);
      count[a] = static_cast<hsize_t>(one.box.shape[static_cast<int>(a)]);
    }
    const hid_t set = sets_[static_cast<std::size_t>(one.volume)];
    const store::Hdf5Handle from(H5Dget_space(set), H5Sclose, "read the space");
    const store::Hdf5Handle to(H5Screate_simple(3, count.data(), nullptr), H5Sclose, "make a space");
    store::hdf5_require(H5Sselect_hyperslab(from, H5S_SELECT_SET, begin.data(), nullptr, count.data(), nullptr),
                        "choose the box");
    store::hdf5_require(H5Dread(set, H5T_NATIVE_INT16, to, from, H5P_DEFAULT, out.data()), "read the box");
  }

 private:
  std::vector<store::Hdf5Handle> files_, sets_;
};

std::vector<PlacedBox> random_boxes(const std::vector<volume::Shape>& shapes, std::int64_t edge) {
  std::vector<PlacedBox> boxes;
  core::Rng rng({3, 0, 0, 0});
  for (int i = 0; i < kBoxes; ++i) {
    PlacedBox one{static_cast<std::int64_t>(rng.below(kVolumes)), {{}, {edge, edge, edge}}};
    for (int a = 0; a < 3; ++a) {
      const auto room = shapes[static_cast<std::size_t>(one.volume)][a] - edge + 1;
      one.box.begin[static_cast<std::size_t>(a)] =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(room)));
    }
    boxes.push_back(one);
  }
  return boxes;
}

std::vector<std::int64_t> shape_list(const volume::Volume& image) {
  return {image.shape().depth, image.shape().height, image.shape().width};
}

struct Bench {
  fs::path folder;
  std::vector<volume::Shape> shapes;
  std::int64_t edge = 0;
  std::vector<PlacedBox> boxes;

  double megabytes() const { return kBoxes * static_cast<double>(edge * edge * edge) * 2 / 1e6; }
};

Bench set_up(const BenchOptions& options) {
  Bench bench{fs::temp_directory_path() / ("gadolin-bench-store-" + std::to_string(::getpid())), {}, 0, {}};
  fs::remove_all(bench.folder);
  volume::PhantomOptions phantom;
  phantom.size = options.size;
  phantom.anisotropy = 1;
  store::WriterOptions raw, packed;
  raw.cases_per_shard = packed.cases_per_shard = 1;
  bench.edge = options.size * 5 / 8;  // 160 of 256
  raw.layout = {0, {bench.edge, bench.edge, bench.edge}};
  packed.layout = {1, raw.layout.patch};
  store::Writer raw_writer(bench.folder / "raw", raw), packed_writer(bench.folder / "compressed", packed);
  for (int i = 0; i < kVolumes; ++i) {
    volume::Case one = volume::phantom_case(phantom, i);
    one.id = "volume-" + std::to_string(i);
    one.label_map.reset();
    bench.shapes.push_back(one.reference().shape());
    for (store::Writer* writer : {&raw_writer, &packed_writer}) writer->add(one), writer->commit();
    if (!options.peers.empty())
      write_npy(bench.folder / (one.id + ".npy"), shape_list(one.reference()), "<i2", one.reference().bytes());
  }
  bench.boxes = random_boxes(bench.shapes, bench.edge);
  boost::json::array list;
  for (const PlacedBox& one : bench.boxes)
    list.push_back({one.volume, one.box.begin[0], one.box.begin[1], one.box.begin[2], bench.edge});
  core::publish_file(bench.folder / "boxes.json", boost::json::serialize(list));
  return bench;
}

// Out of the page cache, so that the next reading meets the disk.
void drop(const fs::path& store) {
  for (const auto& file : fs::directory_iterator(store / "shards")) {
    const int number = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    ::fsync(number);
    ::posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED);
    ::close(number);
  }
}

// Seconds to open the store and read the boxes from the disk, as the peers' script takes them.
double cold_seconds(const Bench& bench, const std::string& tier, int repeats) {
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    drop(bench.folder / tier);
    const double start = wall_seconds();
    const store::Reader reader(bench.folder / tier, {.verify_shards = false});
    for (const PlacedBox& one : bench.boxes) reader.read(one.volume, 0, one.box);
    seconds.push_back(wall_seconds() - start);
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

std::vector<BenchResult> beside_peers(const Bench& bench, const BenchOptions& options, const std::string& tier,
                                      double warm_s, double bytes, const std::vector<PeerTimes>& peers) {
  std::vector<BenchResult> rows;
  const double cold_s = cold_seconds(bench, tier, options.repeats);
  for (const PeerTimes& peer : peers) {
    const std::string size = fmt::format("{}, {:.2f} of our bytes", peer.name, peer.bytes / bytes);
    rows.push_back({tier + " tier, warm", bench.megabytes(), "MB", size, "", warm_s, peer.warm_s, 0});
    rows.push_back({tier + " tier, cold", bench.megabytes(), "MB", size, "", cold_s, peer.cold_s, 0});
  }
  return rows;
}

std::vector<BenchResult> time_boxes(const Bench& bench, const BenchOptions& options) {
  const store::Reader raw(bench.folder / "raw"), packed(bench.folder / "compressed");
  std::vector<std::int16_t> out(static_cast<std::size_t>(bench.edge * bench.edge * bench.edge)), copy(out.size());
  std::vector<double> s;
  {
    const auto lock = store::hdf5_lock();
    const OpenArrays library(bench.folder / "raw");
    for (const PlacedBox& one : bench.boxes) {
      library.read(one, out);
      for (const store::Reader* reader : {&raw, &packed})
        require_equal(std::memcmp(reader->read(one.volume, 0, one.box).bytes().data(), out.data(), out.size() * 2) == 0,
                      "store");
    }
    s = median_seconds({[&] {
                          for (const PlacedBox& one : bench.boxes) raw.read(one.volume, 0, one.box);
                        },
                        [&] {
                          for (const PlacedBox& one : bench.boxes) packed.read(one.volume, 0, one.box);
                        },
                        [&] {
                          for (const PlacedBox& one : bench.boxes) library.read(one, out);
                        },
                        [&] {
                          for (int i = 0; i < kBoxes; ++i) std::memcpy(copy.data(), out.data(), out.size() * 2);
                        }},
                       options.repeats);
  }
  const std::string limit = "one copy of the boxes";
  std::vector<BenchResult> rows{
      {"raw tier, warm", bench.megabytes(), "MB", "H5Dread of the same file", limit, s[0], s[2], s[3]},
      {"compressed tier, warm", bench.megabytes(), "MB", "H5Dread of the raw tier", limit, s[1], s[2], s[3]}};
  double whole = 0;
  for (const volume::Shape& shape : bench.shapes) whole += static_cast<double>(shape.voxels()) * 2;
  const auto raw_bytes = static_cast<double>(raw.size_bytes()), packed_bytes = static_cast<double>(packed.size_bytes());
  rows.back().note = fmt::format(
      "store: {} boxes of {}^3 int16; the raw tier has {:.2f} of the voxels' bytes, the "
      "compressed tier {:.2f}",
      kBoxes, bench.edge, raw_bytes / whole, packed_bytes / whole);
  if (options.peers.empty()) return rows;
  const std::vector<PeerTimes> peers = python_peers(options.peers, "store_peers.py", bench.folder, options.repeats);
  for (BenchResult& row : beside_peers(bench, options, "raw", s[0], raw_bytes, peers)) rows.push_back(std::move(row));
  for (BenchResult& row : beside_peers(bench, options, "compressed", s[1], packed_bytes, peers))
    rows.push_back(std::move(row));
  return rows;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const Bench bench = set_up(options);
  std::vector<BenchResult> results = time_boxes(bench, options);
  fs::remove_all(bench.folder);
  return results;
}

}  // namespace

extern const Workload store_workload;
const Workload store_workload{"store", "random boxes of int16 volumes from both tiers, beside HDF5, Blosc2, h5py, zarr",
                              run};

}  // namespace pipelines
