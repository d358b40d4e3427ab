// Whatever byte is wrong, it is an Error or it does not matter; never are voxels wrong.
#include "cases.h"
#include "core/hash.h"
#include "store/manifest.h"
#include "store/shard.h"

// HDF5 1.10 itself does not give back all memory when it refuses a damaged file.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

namespace fs = std::filesystem;

namespace {

enum class Found { kError, kHarmless, kWrong };

// Reads all of the store and compares it with what was put in.
Found read_all(const fs::path& folder, bool verify, std::string* story = nullptr) {
  try {
    const store::Reader reader(folder, {.verify_shards = verify});
    if (reader.size() != 1) return Found::kWrong;
    const volume::Case truth = small_case(0), back = reader.load(0);
    const bool same = back.id == truth.id && same_voxels(*back.channels[0].image, *truth.channels[0].image) &&
                      same_voxels(*back.channels[2].image, *truth.channels[2].image) && back.scalars == truth.scalars &&
                      back.report == truth.report && reader.class_locations(0, 9).size() == 30 &&
                      back.label_map->voxels<std::uint8_t>()[3] == 9;
    return same ? Found::kHarmless : Found::kWrong;
  } catch (const core::Error& error) {
    if (story != nullptr) *story = error.what();
    return Found::kError;
  }
}

void make(const fs::path& folder) {
  store::Writer writer(folder);
  writer.add(small_case(0));
  writer.commit();
}

struct Tally {
  int errors = 0, harmless = 0, wrong = 0;
  void count(Found found) {
    errors += found == Found::kError;
    harmless += found == Found::kHarmless;
    wrong += found == Found::kWrong;
  }
};

// Turns one byte after the other, `step` bytes apart, and reads.
Tally flip(const fs::path& folder, const fs::path& file, bool verify, std::size_t step) {
  const std::string sound = bytes_of(file);
  Tally tally;
  for (std::size_t i = 0; i < sound.size(); i += step) {
    std::string bad = sound;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i / step % 8)));
    write_bytes(file, bad);
    tally.count(read_all(folder, verify));
  }
  write_bytes(file, sound);
  return tally;
}

}  // namespace

TEST(StoreDamage, EveryByteOfAManifestIsGuarded) {
  const Scratch scratch;
  make(scratch / "s");
  const Tally tally = flip(scratch / "s", store::manifest_path(scratch / "s"), false, 1);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_LE(tally.harmless, 1);  // the line break at the end
  EXPECT_GT(tally.errors, 1000);
  EXPECT_EQ(read_all(scratch / "s", true), Found::kHarmless);
}

TEST(StoreDamage, EveryBitOfAShardIsGuardedByItsHash) {
  const Scratch scratch;
  make(scratch / "s");
  const Tally tally = flip(scratch / "s", scratch / "s/shards/shard-0000.h5", true, 7);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.harmless, 0);
  EXPECT_GT(tally.errors, 500);
}

TEST(StoreDamage, WithoutTheHashOfTheShardTheChunksAreStillGuarded) {
  const Scratch scratch;
  make(scratch / "s");
  const Tally tally = flip(scratch / "s", scratch / "s/shards/shard-0000.h5", false, 3);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_GT(tally.errors, 500);
}

TEST(StoreDamage, AManifestOrShardCutAnywhereIsAnError) {
  const Scratch scratch;
  make(scratch / "s");
  for (const fs::path& file : {store::manifest_path(scratch / "s"), scratch / "s/shards/shard-0000.h5"}) {
    const std::string sound = bytes_of(file);
    for (std::size_t cut = 0; cut + 1 < sound.size(); cut += 97) {
      write_bytes(file, sound.substr(0, cut));
      EXPECT_EQ(read_all(scratch / "s", true), Found::kError) << file.filename() << " cut at " << cut;
    }
    write_bytes(file, sound + "more");
    EXPECT_EQ(read_all(scratch / "s", true), Found::kError) << file.filename() << " with more behind it";
    write_bytes(file, sound);
  }
}

TEST(StoreDamage, ADamagedChunkHurtsOnlyTheBoxesThatTouchItAndTheErrorNamesTheCase) {
  const Scratch scratch;
  const volume::Shape shape{64, 64, 64};  // eight chunks of 32
  volume::Case one = small_case(1, shape);
  {
    store::Writer writer(scratch / "s");
    writer.add(one);
    writer.commit();
  }
  const fs::path shard = scratch / "s/shards/shard-0000.h5";
  const auto tables = store::read_tables(shard, "/case-00000");
  const store::ArrayTable& table = tables.at("channel-0");
  ASSERT_EQ(table.places.size(), 8U);
  for (std::size_t chunk = 0; chunk < 8; ++chunk) {
    const std::string sound = bytes_of(shard);
    std::string bad = sound;
    bad[table.places[chunk].offset + table.places[chunk].size / 2] ^= 0x20;
    write_bytes(shard, bad);
    const store::Reader reader(scratch / "s", {.verify_shards = false});
    for (std::int64_t read = 0; read < 8; ++read) {
      const store::Box box{{read / 4 * 32, read / 2 % 2 * 32, read % 2 * 32}, {32, 32, 32}};
      const std::string error = error_of([&] { reader.read(0, 0, box); });
      if (static_cast<std::size_t>(read) == chunk) {
        EXPECT_NE(error.find("case-101"), std::string::npos) << error;
        EXPECT_NE(error.find("Hint:"), std::string::npos) << error;
      } else {
        EXPECT_EQ(error, "");
      }
    }
    EXPECT_NE(error_of([&] { reader.read(0, 0, {{31, 31, 31}, {2, 2, 2}}); }), "");
    EXPECT_EQ(error_of([&] { reader.read(0, 2, reader.whole(0)); }), "");
    write_bytes(shard, sound);
  }
}

TEST(StoreDamage, AMissingShardAndANewerStoreSayWhatToDo) {
  const Scratch scratch;
  make(scratch / "s");
  const std::string text = bytes_of(store::manifest_path(scratch / "s"));
  fs::rename(scratch / "s/shards/shard-0000.h5", scratch / "elsewhere");
  std::string story;
  EXPECT_EQ(read_all(scratch / "s", true, &story), Found::kError);
  EXPECT_NE(story.find("case-100"), std::string::npos) << story;
  EXPECT_NE(story.find("copy the whole store"), std::string::npos) << story;
  store::Manifest manifest = store::manifest_from(text);
  const std::string key = "\"version\":" + std::to_string(store::kStoreVersion);
  for (const int step : {1, -1}) {
    std::string other = text;
    other.replace(text.find(key), key.size(), "\"version\":" + std::to_string(store::kStoreVersion + step));
    other.resize(other.rfind(",\n\"sha256\""));
    write_bytes(store::manifest_path(scratch / "s"), other + ",\n\"sha256\":\"" + core::sha256_hex(other) + "\"}\n");
    EXPECT_EQ(read_all(scratch / "s", true, &story), Found::kError);
    EXPECT_NE(story.find(step > 0 ? "newer gadolin" : "make it again from its source"), std::string::npos) << story;
  }
  EXPECT_NE(error_of([&] { store::Reader(scratch / "nowhere/"); }).find("store nowhere: there is no manifest.json"),
            std::string::npos);
}

TEST(StoreDamage, ChunksAreComparedAlwaysWhenFirstReadOrNever) {
  const Scratch scratch;
  {
    store::Writer writer(scratch / "s", {.layout = {.compression = 0}});
    writer.add(small_case(1));
    writer.commit();
  }
  const auto reader = [&](store::Verify verify) { return store::Reader(scratch / "s", {false, verify}); };
  const store::Reader always = reader(store::Verify::kAlways), first = reader(store::Verify::kFirst);
  const auto voxel = [](const store::Reader& from) {
    return from.read(0, 0, {{0, 0, 0}, {1, 1, 1}}).voxels<std::int16_t>()[0];
  };
  const std::int16_t sound = voxel(always);
  EXPECT_EQ(voxel(first), sound);
  const fs::path shard = scratch / "s/shards/shard-0000.h5";
  const auto tables = store::read_tables(shard, "/case-00000");
  {
    std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);  // the disk fails: the file stays open
    file.seekp(static_cast<std::streamoff>(tables.at("channel-0").places[0].offset));
    file.put(static_cast<char>(sound ^ 1));
  }
  EXPECT_NE(error_of([&] { voxel(always); }).find("chunk 0 is damaged"), std::string::npos);
  EXPECT_EQ(voxel(first), sound ^ 1) << "was compared already";
  EXPECT_NE(error_of([&] { voxel(reader(store::Verify::kFirst)); }), "");
  EXPECT_EQ(voxel(reader(store::Verify::kNever)), sound ^ 1);
}
