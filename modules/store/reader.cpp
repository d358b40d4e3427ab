#include "store/reader.h"

#include <algorithm>
#include <mutex>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "store/manifest.h"
#include "store/shard.h"

namespace store {
namespace {

constexpr std::int64_t kOpenShards = 64;
constexpr std::int64_t kTablesBytes = std::int64_t{128} << 20;  // where chunks lie, of the cases read last

const char* const kDamaged = "the file was changed or its disk is failing; make these cases again from their source";

using Tables = std::map<std::string, ArrayTable>;

std::int64_t memory_of(const Tables& tables) {
  std::int64_t sum = 0;
  for (const auto& [name, table] : tables)
    sum += static_cast<std::int64_t>(sizeof table + name.size() + table.places.size() * (sizeof table.places[0] + 1));
  return sum;
}

void require_inside(const Box& box, const volume::Shape& whole) {
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t begin = box.begin[static_cast<std::size_t>(axis)];
    if (begin < 0 || box.shape[axis] <= 0 || box.shape[axis] > whole[axis] - begin) {
      throw core::Error("a box reaches out of the grid along axis " + std::string(1, "DHW"[axis]) + ": " +
                        std::to_string(box.shape[axis]) + " voxels from " + std::to_string(begin) + " on, of " +
                        std::to_string(whole[axis]));
    }
  }
}

}  // namespace

struct Reader::State {
  struct Once {
    std::mutex mutex;
    bool done = false;
  };

  std::filesystem::path folder;
  ReaderOptions options;
  Manifest manifest;
  std::map<std::string, std::int64_t> index_of;
  std::string data_hash;
  std::unique_ptr<Once[]> shard_checked;
  mutable core::RecentlyUsed<std::int64_t, Tables> kept_tables{kTablesBytes};
  mutable OpenFiles open_shards{kOpenShards};
  mutable std::optional<ChunkCache> chunks;

  const Manifest::Entry& entry(std::int64_t index) const {
    GADOLIN_CHECK(index >= 0 && index < static_cast<std::int64_t>(manifest.cases.size()));
    return manifest.cases[static_cast<std::size_t>(index)];
  }

  std::filesystem::path path_of(const Manifest::Entry& entry) const {
    return shard_path(folder, manifest.shards[static_cast<std::size_t>(entry.shard)].file);
  }

  void check_shard(const Manifest::Entry& entry) const {
    Once& once = shard_checked[static_cast<std::size_t>(entry.shard)];
    const std::scoped_lock lock(once.mutex);
    if (once.done) return;
    const Manifest::Shard& shard = manifest.shards[static_cast<std::size_t>(entry.shard)];
    const std::filesystem::path path = path_of(entry);
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    if (failed) throw core::Error(shard.file + " cannot be read: " + failed.message(), "copy the whole store");
    if (static_cast<std::int64_t>(size) != shard.size_bytes) {
      throw core::Error(
          shard.file + " has " + std::to_string(size) + " bytes instead of " + std::to_string(shard.size_bytes),
          kDamaged);
    }
    if (options.verify_shards && core::sha256_file_hex(path) != shard.sha256) {
      throw core::Error(shard.file + " is damaged: its checksum does not match", kDamaged);
    }
    once.done = true;
  }

  std::shared_ptr<const Tables> tables(std::int64_t index) const {
    return kept_tables.get(
        index,
        [&] {
          check_shard(entry(index));
          return std::make_shared<const Tables>(read_tables(path_of(entry(index)), entry(index).group));
        },
        memory_of);
  }

  // Reads into out(table) -> bytes; errors name case and array.
  template <class Out>
  void read(std::int64_t index, const std::string& array, const Box& box, Out&& out) const {
    const std::shared_ptr<const Tables> all = tables(index);
    const auto found = all->find(array);
    if (found == all->end()) throw core::Error(array + " is missing in the shard", kDamaged);
    try {
      const ChunkReading reading{options.verify, chunks ? &*chunks : nullptr, index};
      read_box(*open_shards.get(path_of(entry(index))), found->second, box, reading, out(found->second));
    } catch (const core::Error& error) {
      throw core::Error(array + ": " + error.story(), kDamaged);
    }
  }

  volume::Volume read_volume(std::int64_t index, const std::string& array, volume::VoxelType type,
                             const Box& box) const {
    const CaseSummary& about = entry(index).summary;
    require_inside(box, about.shape);
    volume::Geometry geometry = about.geometry;
    geometry.origin_mm = about.geometry.world(
        {static_cast<double>(box.begin[0]), static_cast<double>(box.begin[1]), static_cast<double>(box.begin[2])});
    volume::Volume result(box.shape, type, geometry,
                          volume::VoxelMemory(static_cast<std::size_t>(box.shape.voxels()) * volume::size_bytes(type),
                                              volume::VoxelMemory::Fill::kNone));
    read(index, array, box, [&](const ArrayTable& table) {
      if (table.type != type || !(table.shape == about.shape)) {
        throw core::Error("shape or type differ from the manifest's");
      }
      return result.bytes();
    });
    return result;
  }
};

Reader::Reader(std::filesystem::path folder, ReaderOptions options) : state_(std::make_unique<State>()) {
  state_->folder = std::move(folder);
  state_->options = options;
  if (options.cache_bytes > 0) state_->chunks.emplace(options.cache_bytes);
  const std::string name = store_name(state_->folder);
  core::with_context("store " + name, [&] {
    const std::filesystem::path path = manifest_path(state_->folder);
    std::error_code unreadable;
    if (!std::filesystem::exists(path, unreadable)) {
      throw core::Error("there is no manifest.json in this folder",
                        "make a store with gadolin ingest, or check the path");
    }
    state_->manifest = manifest_from(core::read_text(path, kLargestManifest));
  });
  std::vector<Manifest::Entry>& cases = state_->manifest.cases;
  std::ranges::sort(cases, {}, [](const Manifest::Entry& entry) -> const std::string& { return entry.summary.id; });
  core::Sha256 hash;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    state_->index_of[cases[i].summary.id] = static_cast<std::int64_t>(i);
    hash.update(cases[i].summary.id + " " + cases[i].summary.hash + "\n");
  }
  state_->data_hash = hash.hex();
  state_->shard_checked = std::make_unique<State::Once[]>(state_->manifest.shards.size());
}

Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

std::int64_t Reader::size() const { return static_cast<std::int64_t>(state_->manifest.cases.size()); }

const CaseSummary& Reader::summary(std::int64_t index) const { return state_->entry(index).summary; }

std::optional<std::int64_t> Reader::find(const std::string& id) const {
  const auto found = state_->index_of.find(id);
  if (found == state_->index_of.end()) return std::nullopt;
  return found->second;
}

Box Reader::whole(std::int64_t index) const { return {{0, 0, 0}, summary(index).shape}; }

volume::Volume Reader::read(std::int64_t index, std::int64_t channel, const Box& box) const {
  const CaseSummary& about = summary(index);
  return core::with_context("read case " + about.id, [&] {
    if (channel < 0 || channel >= static_cast<std::int64_t>(about.channels.size())) {
      throw core::Error("there is no channel " + std::to_string(channel));
    }
    const ChannelSummary& one = about.channels[static_cast<std::size_t>(channel)];
    if (!one.present) throw core::Error("channel '" + one.name + "' is absent in this case");
    volume::Volume result = state_->read_volume(index, channel_array(channel), one.type, box);
    result.scale = one.scale;
    result.offset = one.offset;
    return result;
  });
}

volume::Volume Reader::read_labels(std::int64_t index, const Box& box) const {
  const CaseSummary& about = summary(index);
  return core::with_context("read case " + about.id, [&] {
    if (!about.has_labels) throw core::Error("the case has no label map");
    return state_->read_volume(index, kLabelsArray, about.label_type, box);
  });
}

void Reader::prefetch(std::int64_t index, std::int64_t channel, const Box& box) const {
  const CaseSummary& about = summary(index);
  core::with_context("read case " + about.id, [&] {
    require_inside(box, about.shape);
    const std::shared_ptr<const Tables> all = state_->tables(index);
    const auto found = all->find(channel == kLabels ? kLabelsArray : channel_array(channel));
    if (found != all->end())
      will_need(*state_->open_shards.get(state_->path_of(state_->entry(index))), found->second, box);
  });
}

volume::Case Reader::load(std::int64_t index) const {
  const CaseSummary& about = summary(index);
  volume::Case result;
  result.id = about.id;
  for (std::size_t c = 0; c < about.channels.size(); ++c) {
    volume::Channel channel{about.channels[c].name, about.channels[c].modality, std::nullopt};
    if (about.channels[c].present) channel.image = read(index, static_cast<std::int64_t>(c), whole(index));
    result.channels.push_back(std::move(channel));
  }
  if (about.has_labels) result.label_map = read_labels(index, whole(index));
  result.scalars = about.scalars;
  result.boxes = about.boxes;
  result.report = about.report;
  result.groups = about.groups;
  result.facts = about.facts;
  return result;
}

std::vector<std::array<std::int32_t, 3>> Reader::class_locations(std::int64_t index, int label) const {
  return core::with_context("read case " + summary(index).id, [&] {
    std::vector<std::array<std::int32_t, 3>> voxels;
    const std::shared_ptr<const Tables> all = state_->tables(index);
    const auto found = all->find(locations_array(label));
    if (found == all->end()) return voxels;
    const volume::Shape& shape = found->second.shape;
    state_->read(index, found->first, {{0, 0, 0}, shape}, [&](const ArrayTable& table) {
      if (table.type != volume::VoxelType::kInt32 || shape.depth != 1 || shape.width != 3) {
        throw core::Error("this is no list of voxels");
      }
      voxels.resize(static_cast<std::size_t>(shape.height));
      return std::as_writable_bytes(std::span(voxels));
    });
    return voxels;
  });
}

std::int64_t Reader::size_bytes() const {
  std::int64_t sum = 0;
  for (const Manifest::Shard& shard : state_->manifest.shards) sum += shard.size_bytes;
  return sum;
}

std::string Reader::plan_yaml() const { return state_->manifest.plan_yaml; }
std::string Reader::data_hash() const { return state_->data_hash; }
std::string Reader::names_key() const { return state_->manifest.names_key; }
const std::map<int, std::string>& Reader::label_names() const { return state_->manifest.label_names; }
const std::filesystem::path& Reader::folder() const { return state_->folder; }

}  // namespace store
