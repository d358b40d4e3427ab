// What lies in a shard, byte by byte: beside hdf5plugin's own chunks, and beside bits that are sorted one by one.
#include "store/chunk.h"

#include "cases.h"
#include "store/bit_planes.h"

namespace fs = std::filesystem;
using volume::Shape;

namespace {

std::vector<std::byte> random_bytes(std::size_t size, std::uint64_t seed) {
  core::Rng rng({seed, 0, 0, 0});
  std::vector<std::byte> bytes(size);
  for (std::byte& one : bytes) one = static_cast<std::byte>(rng.below(256));
  return bytes;
}

// Compressible: high bytes hardly change.
std::vector<std::byte> smooth_bytes(std::size_t voxels, std::size_t width) {
  std::vector<std::byte> bytes(voxels * width);
  for (std::size_t i = 0; i < voxels; ++i) bytes[i * width] = static_cast<std::byte>(i / 16);
  return bytes;
}

bool bit(std::span<const std::byte> bytes, std::size_t number) {
  return (std::to_integer<unsigned>(bytes[number / 8]) >> number % 8 & 1U) != 0;
}

// As tests/golden/bitshuffle.py makes them.
template <class T>
std::vector<T> golden_voxels() {
  std::vector<T> voxels(5 * 33 * 61);
  for (std::size_t i = 0; i < voxels.size(); ++i) {
    const std::size_t value = i / 16 % 300 + (i % 3 == 0 ? i % 5 : 0);
    voxels[i] = static_cast<T>(sizeof(T) == 1 ? value % 256 : value);
  }
  return voxels;
}

template <class T>
void expect_golden(const std::string& name) {
  const std::string packed = bytes_of(fs::path(GADOLIN_GOLDEN) / "bitshuffle" / (name + ".chunk"));
  const std::vector<T> truth = golden_voxels<T>();
  std::vector<T> voxels(truth.size());
  const auto chunk = std::as_bytes(std::span(packed));
  store::unpack(chunk, sizeof(T), {0, voxels.size() * sizeof(T)}, std::as_writable_bytes(std::span(voxels)));
  EXPECT_EQ(voxels, truth) << name;
  // LZ4 may find other matches in another version; sizes of ours are of the same kind.
  const store::PackedChunk ours = store::pack(std::as_bytes(std::span(truth)), sizeof(T), 1);
  EXPECT_EQ(ours.left_out, 0U);
  EXPECT_NEAR(static_cast<double>(ours.bytes.size()), static_cast<double>(packed.size()),
              0.02 * static_cast<double>(packed.size()));
  EXPECT_TRUE(std::equal(chunk.begin(), chunk.begin() + 12, ours.bytes.begin())) << "sizes of chunk and block";
}

}  // namespace

TEST(BitPlanes, AreTheBitsOfTheVoxelsSortedByTheirPlaceAndComeBack) {
  for (const std::size_t width : {1, 2, 4, 8}) {
    for (const std::size_t count : {8, 120, 128, 136, 1000, 8192}) {
      const std::vector<std::byte> voxels = random_bytes(count * width, count + width);
      std::vector<std::byte> planes(voxels.size()), back(voxels.size());
      store::to_bit_planes(voxels, width, planes);
      std::size_t wrong = 0;
      for (std::size_t p = 0; p < 8 * width; ++p)
        for (std::size_t i = 0; i < count; ++i) wrong += bit(planes, p * count + i) != bit(voxels, i * 8 * width + p);
      EXPECT_EQ(wrong, 0U) << width << " bytes, " << count << " voxels";
      store::from_bit_planes(planes, width, back);
      EXPECT_EQ(back, voxels) << width << " bytes, " << count << " voxels";
    }
  }
}

TEST(Chunk, IsReadAsHdf5pluginPacksIt) {
  expect_golden<std::uint8_t>("uint8");
  expect_golden<std::int16_t>("int16");
  expect_golden<float>("float32");
  expect_golden<double>("float64");
}

TEST(Chunk, ComesBackFromEveryLevelWholeAndInPart) {
  for (const std::size_t width : {1, 2, 4, 8}) {
    for (const std::size_t voxels : {1, 7, 8, 700, 8192, 20001}) {
      const std::vector<std::byte> raw = smooth_bytes(voxels, width);
      for (const int level : {0, 1, 4, 12}) {
        const store::PackedChunk packed = store::pack(raw, width, level);
        EXPECT_EQ(packed.checksum, store::checksum(packed.bytes));
        EXPECT_LE(packed.bytes.size(), raw.size());
        EXPECT_TRUE(level > 0 || packed.left_out == store::kStoredPlain);
        if (packed.left_out != 0) {
          EXPECT_EQ(packed.bytes, raw);
          continue;
        }
        std::vector<std::byte> back(raw.size(), std::byte{0xA5});
        store::unpack(packed.bytes, width, {0, raw.size()}, back);
        EXPECT_EQ(back, raw) << width << " bytes, " << voxels << " voxels, level " << level;
        const std::size_t begin = raw.size() / 3, end = raw.size() / 2;
        std::fill(back.begin(), back.end(), std::byte{0xA5});
        store::unpack(packed.bytes, width, {begin, end}, back);
        EXPECT_TRUE(std::equal(raw.begin() + static_cast<std::ptrdiff_t>(begin),
                               raw.begin() + static_cast<std::ptrdiff_t>(end),
                               back.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
    }
  }
  EXPECT_EQ(store::pack(random_bytes(4096, 1), 2, 12).left_out, store::kStoredPlain) << "noise does not shrink";
}

TEST(Chunk, OfAnyBytesUnpacksOrIsAnErrorAndNothingElse) {
  const std::vector<std::byte> raw = smooth_bytes(20001, 2);
  const std::vector<std::byte> sound = store::pack(raw, 2, 1).bytes;
  std::vector<std::byte> out(raw.size());
  core::Rng rng({11, 0, 0, 0});
  int errors = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::byte> bad = sound;
    if (i % 3 == 0) bad.resize(rng.below(bad.size()));
    for (std::uint64_t n = 1 + rng.below(3); n > 0 && !bad.empty(); --n)
      bad[rng.below(i % 2 == 0 ? std::min<std::size_t>(bad.size(), 20) : bad.size())] =
          static_cast<std::byte>(rng.below(256));
    errors += !error_of([&] { store::unpack(bad, 2, {0, out.size()}, out); }).empty();
  }
  EXPECT_GT(errors, 1500);
  EXPECT_NE(error_of([&] { store::unpack(sound, 4, {0, out.size()}, out); }), "");
  EXPECT_NE(error_of([&] { store::unpack(sound, 2, {0, 100}, std::span(out).first(100)); }), "");
}

TEST(Chunk, ShapesSplitEvenlyAndFollowThePatch) {
  EXPECT_EQ(store::chunk_shape({32, 33, 1}, 2), (Shape{32, 17, 1}));
  EXPECT_EQ(store::chunk_shape({100, 64, 65}, 2), (Shape{25, 32, 22}));
  // Small patches want small chunks; large ones are spared the cost of many.
  const std::int64_t fine = store::chunk_shape({512, 512, 512}, 2, {12, 12, 12}).voxels();
  const std::int64_t coarse = store::chunk_shape({512, 512, 512}, 2, {256, 256, 256}).voxels();
  EXPECT_LT(2 * fine, coarse);
  EXPECT_EQ(store::chunk_shape({256, 256, 256}, 2, {160, 160, 160}), (Shape{64, 32, 43}))
      << "what was measured as best";
  // The whole is always read: as few chunks as can be.
  EXPECT_EQ(store::chunk_shape({40, 40, 40}, 2, {40, 40, 40}), (Shape{40, 40, 40}));
}
