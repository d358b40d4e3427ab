// Random boxes out of a store, beside the HDF5 library reading the same chunks.
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "core/rng.h"
#include "pipelines/bench.h"
#include "store/hdf5.h"
#include "store/manifest.h"
#include "store/reader.h"
#include "store/shard.h"
#include "store/writer.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

// A hyperslab as any program that knows HDF5 would read it, from a data set that is open already.
class OpenArray {
 public:
  OpenArray(const fs::path& shard, const std::string& name) {
    // As the store's reader opens it: the library wants the same flags for the same file.
    const store::Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "open the shard");
    store::hdf5_require(H5Pset_file_locking(access, false, true), "open the shard");
    file_ = store::Hdf5Handle(H5Fopen(shard.c_str(), H5F_ACC_RDONLY, access), H5Fclose, "open the shard");
    set_ = store::Hdf5Handle(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose, "open " + name);
  }

  void read(const store::Box& box, std::vector<std::int16_t>& out) const {
    std::array<hsize_t, 3> begin{}, count{};
    for (std::size_t a = 0; a < 3; ++a) {
      begin[a] = static_cast<hsize_t>(box.begin[a]);
      count[a] = static_cast<hsize_t>(box.shape[static_cast<int>(a)]);
    }
    const store::Hdf5Handle from(H5Dget_space(set_), H5Sclose, "read the space");
    const store::Hdf5Handle to(H5Screate_simple(3, count.data(), nullptr), H5Sclose, "make a space");
    store::hdf5_require(H5Sselect_hyperslab(from, H5S_SELECT_SET, begin.data(), nullptr, count.data(), nullptr),
                        "choose the box");
    store::hdf5_require(H5Dread(set_, H5T_NATIVE_INT16, to, from, H5P_DEFAULT, out.data()), "read the box");
  }

 private:
  store::Hdf5Handle file_, set_;
};

std::vector<BenchResult> time_boxes(const fs::path& folder, const volume::Shape& shape, const BenchOptions& options) {
  const store::Reader reader(folder);
  const auto lock = store::hdf5_lock();
  const OpenArray peer(store::shard_path(folder, "shard-0000.h5"), "/case-00000/" + store::channel_array(0));
  const std::int64_t edge = options.size / 4;
  constexpr int kBoxes = 20;
  std::vector<store::Box> boxes;
  core::Rng rng({3, 0, 0, 0});
  for (int i = 0; i < kBoxes; ++i) {
    store::Box box{{}, {edge, edge, edge}};
    for (int a = 0; a < 3; ++a)
      box.begin[static_cast<std::size_t>(a)] =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(shape[a] - edge + 1)));
    boxes.push_back(box);
  }
  std::vector<std::int16_t> out(static_cast<std::size_t>(edge * edge * edge)), copy(out.size());
  for (const store::Box& box : boxes) {
    peer.read(box, out);
    require_equal(std::memcmp(reader.read(0, 0, box).bytes().data(), out.data(), out.size() * 2) == 0, "store");
  }
  const std::vector<double> seconds = median_seconds({[&] {
                                                        for (const store::Box& box : boxes) reader.read(0, 0, box);
                                                      },
                                                      [&] {
                                                        for (const store::Box& box : boxes) peer.read(box, out);
                                                      },
                                                      [&] {
                                                        for (int i = 0; i < kBoxes; ++i)
                                                          std::memcpy(copy.data(), out.data(), out.size() * 2);
                                                      }},
                                                     options.repeats);
  return {{"boxes of a quarter edge", kBoxes, "box", "H5Dread, file held open", "one copy of the box", seconds[0],
           seconds[1], seconds[2]}};
}

std::vector<BenchResult> run(const BenchOptions& options) {
  volume::PhantomOptions phantom;
  phantom.size = options.size;
  phantom.anisotropy = 1;
  const volume::Case one = volume::phantom_case(phantom, 0);
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-store-" + std::to_string(::getpid()));
  fs::remove_all(folder);
  {
    store::Writer writer(folder);
    writer.add(one);
    writer.commit();
  }
  std::vector<BenchResult> results = time_boxes(folder, one.reference().shape(), options);
  fs::remove_all(folder);
  return results;
}

}  // namespace

extern const Workload store_workload;
const Workload store_workload{"store", "random boxes of an int16 volume, beside the HDF5 library", run};

}  // namespace pipelines
