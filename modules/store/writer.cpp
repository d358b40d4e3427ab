#include "store/writer.h"

#include <mutex>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "store/manifest.h"
#include "store/shard.h"

namespace store {
namespace {

// Removes what a killed writer left: temporary files, and the one shard that no manifest names yet. More of them means
// that the manifest was lost or replaced, and then the cases shall not be.
void sweep(const std::filesystem::path& folder, const Manifest& manifest) {
  std::set<std::string> named;
  for (const Manifest::Shard& shard : manifest.shards) named.insert(shard.file);
  const std::string next = shard_name(manifest.shards.size());
  std::vector<std::filesystem::path> leftovers;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (core::is_temporary(file.path()) && name.starts_with(".manifest.json.")) leftovers.push_back(file.path());
  }
  std::error_code absent;
  for (const auto& file : std::filesystem::directory_iterator(folder / "shards", absent)) {
    const std::string name = file.path().filename().string();
    const bool shard = name.starts_with("shard-") && name.ends_with(".h5");
    if (shard && name != next && !named.contains(name)) {
      throw core::Error("the folder holds " + name + ", which its manifest does not name",
                        "the manifest was lost or replaced; restore it, or choose another folder");
    }
    if (core::is_temporary(file.path()) || name == next) leftovers.push_back(file.path());
  }
  for (const std::filesystem::path& path : leftovers) std::filesystem::remove(path);
}

}  // namespace

struct Writer::State {
  State(Lock own, WriterOptions wanted) : lock(std::move(own)), folder(lock.folder()), options(std::move(wanted)) {}

  const Lock lock;
  const std::filesystem::path folder;
  WriterOptions options;

  std::map<int, std::string> label_names;  // of the store; fixed once it is open, read without the lock

  mutable std::mutex mutex;  // guards all below
  Manifest manifest;         // what is published
  bool published = false;    // a manifest is on disk
  std::unique_ptr<ShardBuilder> builder;
  std::vector<Manifest::Entry> gathered;
  std::map<std::string, std::string> source_of;  // of every case that is there, gathered or being packed
  std::set<std::string> packing;
  std::optional<core::Error> failure;

  void open() {
    const std::filesystem::path path = manifest_path(folder);
    published = std::filesystem::exists(path);
    if (published) manifest = manifest_from(core::read_text(path, kLargestManifest));
    if (manifest.cases.empty()) {
      if (!options.label_names.empty()) manifest.label_names = options.label_names;
      if (!options.plan_yaml.empty()) manifest.plan_yaml = options.plan_yaml;
    }
    if (manifest.cases.empty() || manifest.names_key.empty()) {
      if (!options.names_key.empty()) manifest.names_key = options.names_key;
    }
    if (!options.label_names.empty() && options.label_names != manifest.label_names) {
      throw core::Error("the store there has other label names", "choose another folder for the new labels");
    }
    if (!options.plan_yaml.empty() && options.plan_yaml != manifest.plan_yaml) {
      throw core::Error("the store there was prepared with another plan",
                        "choose another folder for the new plan, or remove the old store");
    }
    if (!options.names_key.empty() && options.names_key != manifest.names_key) {
      throw core::Error("the names in the store there were made with another key",
                        "give the key that it was made with; another one would name every patient anew");
    }
    label_names = manifest.label_names;
    for (const auto& [label, name] : label_names) require_utf8(name, "the name of class " + std::to_string(label));
    require_utf8(manifest.plan_yaml, "the plan");
    for (const Manifest::Entry& entry : manifest.cases) source_of[entry.summary.id] = entry.summary.source_hash;
    sweep(folder, manifest);
  }

  void reserve(const std::string& id, const std::string& source) {
    const std::scoped_lock guard(mutex);
    if (failure) throw core::Error(*failure);
    if (const auto found = source_of.find(id); found != source_of.end()) {
      const bool changed = !source.empty() && !found->second.empty() && source != found->second;
      throw core::Error("a case of this id is in the store already",
                        changed ? "its source has changed since; make a new store, or give the case another id"
                                : "ids are unique in a store; give one of the two another id");
    }
    source_of[id] = source;
    packing.insert(id);
  }

  void release(const std::string& id) {
    const std::scoped_lock guard(mutex);
    source_of.erase(id);
    packing.erase(id);
  }

  void take(PackedCase packed) {
    if (!builder) builder = std::make_unique<ShardBuilder>(options.layout);
    std::string group = builder->add(packed);
    packing.erase(packed.summary.id);
    gathered.push_back(
        {std::move(packed.summary), static_cast<std::int64_t>(manifest.shards.size()), std::move(group)});
    if (builder->cases() >= options.cases_per_shard || builder->size_bytes() >= options.bytes_per_shard) publish();
  }

  void publish() {
    if (failure) throw core::Error(*failure);
    if (gathered.empty() && published) return;
    try {
      Manifest next = manifest;
      if (!gathered.empty()) {
        const std::unique_ptr<ShardBuilder> finished = std::move(builder);
        const std::span<const std::byte> image = finished->finish();
        const std::string file = shard_name(manifest.shards.size());
        core::publish_file(shard_path(folder, file), image);
        next.shards.push_back({file, static_cast<std::int64_t>(image.size()), core::sha256_hex(image)});
        next.cases.insert(next.cases.end(), gathered.begin(), gathered.end());
      }
      core::publish_file(manifest_path(folder), manifest_text(next));
      manifest = std::move(next);
      published = true;
      gathered.clear();
    } catch (const core::Error& error) {
      fail(error.within("publish " + std::to_string(gathered.size()) + " cases"));
    } catch (const std::exception& problem) {  // no memory
      fail(core::Error(std::string("cannot publish: ") + problem.what()));
    }
  }

  [[noreturn]] void fail(core::Error error) {
    failure = std::move(error);
    builder.reset();
    for (const Manifest::Entry& entry : gathered) source_of.erase(entry.summary.id);
    gathered.clear();
    throw core::Error(*failure);
  }
};

Writer::Writer(std::filesystem::path folder, WriterOptions options)
    : Writer(Lock(std::move(folder)), std::move(options)) {}

Writer::Writer(Lock lock, WriterOptions options) {
  const std::string name = store_name(lock.folder());
  core::with_context("store " + name, [&] {
    try {
      state_ = std::make_unique<State>(std::move(lock), std::move(options));
      state_->open();
    } catch (const std::filesystem::filesystem_error& problem) {
      throw core::Error("the folder cannot be read: " + problem.code().message(), "check its permissions");
    }
  });
}

Writer::~Writer() = default;

bool Writer::has(const std::string& id, const std::string& source_hash) const {
  const std::scoped_lock guard(state_->mutex);
  const auto found = state_->source_of.find(id);
  return found != state_->source_of.end() && found->second == source_hash && !state_->packing.contains(id);
}

std::int64_t Writer::size() const {
  const std::scoped_lock guard(state_->mutex);
  return static_cast<std::int64_t>(state_->manifest.cases.size() + state_->gathered.size());
}

void Writer::add(const volume::Case& one, const std::string& source_hash,
                 const std::optional<ClassLocations>& locations) {
  core::with_context("store case " + one.id, [&] {
    state_->reserve(one.id, source_hash);
    try {
      PackedCase packed =
          pack_case(one, state_->label_names, locations ? &*locations : nullptr, state_->options.layout);
      packed.summary.source_hash = source_hash;
      const std::scoped_lock guard(state_->mutex);
      if (state_->failure) throw core::Error(*state_->failure);
      state_->take(std::move(packed));
    } catch (...) {
      state_->release(one.id);
      throw;
    }
  });
}

void Writer::commit() {
  const std::scoped_lock guard(state_->mutex);
  state_->publish();
}

}  // namespace store
