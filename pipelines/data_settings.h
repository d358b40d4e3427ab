#pragma once
// What pretrain, finetune and embed ask of a prepared store, as settings below "data.".

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "store/reader.h"

namespace pipelines {

struct DataSettings {
  std::int64_t batch_size = 0;
  std::vector<std::int64_t> patch;
  std::int64_t workers = 0;
  std::int64_t cache_mb = 1024;
  std::int64_t seed = 0;
  std::string verify = "first";
  std::string on_damage = "stop";
  std::string views_on = "cpu";

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using S = DataSettings;
    return std::tuple{
        field("batch_size", &S::batch_size, "samples of a step, over all ranks together; 0: as the plan says",
              Range{0, 65536}),
        field("patch", &S::patch, "voxels {d, h, w} of a training patch; empty: as the plan says", Range{1, 4096}),
        field("workers", &S::workers, "threads that make samples; 0: one less than the processors", Range{0, 1024}),
        field("cache_mb", &S::cache_mb, "memory for unpacked chunks of a compressed store, MiB", Range{0, 1e9}),
        field("seed", &S::seed, "of the order of cases, of the views, of which cases are drawn", Range{0, 9e15}),
        field("views_on", &S::views_on,
              "where views are made: cpu, or gpu (the training's; its kernels have not run on any GPU yet)"),
        field("verify", &S::verify, "when chunks are compared with their checksums: always, first (once each), never"),
        field("on_damage", &S::on_damage,
              "a case of the training set that cannot be read: stop, or skip (left out and named, up to a tenth of "
              "them)"),
    };
  }

  // The patch, or the plan's. Throws usage Error when it has not three extents.
  std::array<std::int64_t, 3> patch_or(const std::array<std::int64_t, 3>& planned) const {
    if (patch.empty()) return planned;
    if (patch.size() != 3)
      throw core::usage_error("data.patch has " + std::to_string(patch.size()) + " numbers",
                              "three are wanted, {d, h, w}: --set data.patch=[32, 48, 32]");
    return {patch[0], patch[1], patch[2]};
  }

  // How the store is read. Where damaged cases are skipped, shards are not compared as a whole, or one bit would cost
  // all their cases: their chunks are. "never" trusts the disk. Throws usage Error for another word, as the next does.
  store::ReaderOptions reader() const {
    const std::int64_t cache_bytes = cache_mb << 20;
    const bool whole_shards = !skip_damaged();
    if (verify == "always") return {whole_shards, store::Verify::kAlways, cache_bytes};
    if (verify == "first") return {whole_shards, store::Verify::kFirst, cache_bytes};
    if (verify == "never") return {false, store::Verify::kNever, cache_bytes};
    throw core::usage_error("'" + verify + "' is no way to verify a store", "there are always, first and never");
  }
  bool skip_damaged() const {
    if (on_damage == "stop" || on_damage == "skip") return on_damage == "skip";
    throw core::usage_error("data.on_damage is '" + on_damage + "'", "there are stop and skip");
  }
};

}  // namespace pipelines
