#include <hdf5.h>

#include <algorithm>
#include <thread>

#include "cases.h"
#include "core/parallel.h"
#include "store/chunk.h"
#include "store/hdf5.h"
#include "store/manifest.h"
#include "store/shard.h"

namespace fs = std::filesystem;
using volume::Shape;
using volume::Volume;
using volume::VoxelType;

namespace {

constexpr VoxelType kTypes[] = {VoxelType::kUInt8,  VoxelType::kInt8,  VoxelType::kUInt16,  VoxelType::kInt16,
                                VoxelType::kUInt32, VoxelType::kInt32, VoxelType::kFloat32, VoxelType::kFloat64};

void write(const fs::path& folder, int cases, store::WriterOptions options = {}, int threads = 1,
           bool backwards = false) {
  store::Writer writer(folder, options);
  core::parallel_for(cases, threads, [&](std::int64_t i) {
    writer.add(small_case(static_cast<int>(backwards ? cases - 1 - i : i)), "source " + std::to_string(i));
  });
  writer.commit();
}

// The box of a whole picture, voxel by voxel.
template <class T>
std::vector<T> cropped(const Volume& whole, const store::Box& box) {
  std::vector<T> out;
  const auto voxels = whole.voxels<T>();
  const auto& [d0, h0, w0] = box.begin;
  for (std::int64_t d = d0; d < d0 + box.shape.depth; ++d) {
    for (std::int64_t h = h0; h < h0 + box.shape.height; ++h) {
      for (std::int64_t w = w0; w < w0 + box.shape.width; ++w) {
        out.push_back(voxels[static_cast<std::size_t>((d * whole.shape().height + h) * whole.shape().width + w)]);
      }
    }
  }
  return out;
}

store::Box random_box(core::Rng& rng, const Shape& whole) {
  store::Box box;
  std::array<std::int64_t, 3> size{};
  for (int a = 0; a < 3; ++a) {
    const auto i = static_cast<std::size_t>(a);
    size[i] = 1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(whole[a])));
    box.begin[i] = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(whole[a] - size[i] + 1)));
  }
  box.shape = {size[0], size[1], size[2]};
  return box;
}

}  // namespace

TEST(Store, EveryVoxelTypeComesBackBitForBitFromShapesThatDoNotFitTheChunks) {
  const Scratch scratch;
  const Shape shapes[] = {{1, 1, 1}, {3, 40, 33}, {65, 2, 31}};
  for (const int level : {0, 1, 9}) {
    const fs::path folder = scratch / ("level" + std::to_string(level));
    store::Writer writer(folder, {.layout = {.compression = level}});
    for (const VoxelType type : kTypes) {
      for (std::size_t s = 0; s < std::size(shapes); ++s) {
        volume::Case one;
        one.id = std::string(name(type)) + "-" + std::to_string(s);
        one.channels.push_back({"T1", "MR", picture(shapes[s], type, s)});
        writer.add(one);
      }
    }
    writer.commit();
    const store::Reader reader(folder);
    for (const VoxelType type : kTypes) {
      for (std::size_t s = 0; s < std::size(shapes); ++s) {
        const auto index = reader.find(std::string(name(type)) + "-" + std::to_string(s));
        ASSERT_TRUE(index);
        EXPECT_TRUE(same_voxels(reader.read(*index, 0, reader.whole(*index)), picture(shapes[s], type, s)))
            << name(type) << " " << s << " level " << level;
      }
    }
  }
}

TEST(Store, EverythingKnownOfACaseComesBackExactly) {
  const Scratch scratch;
  write(scratch / "s", 2,
        {.label_names = {{0, "background"}, {1, "a"}, {2, "b"}, {9, "Gefäß"}}, .plan_yaml = "x: 1\n"});
  const store::Reader reader(scratch / "s");
  ASSERT_EQ(reader.size(), 2);
  EXPECT_EQ(reader.plan_yaml(), "x: 1\n");
  EXPECT_EQ(reader.label_names().at(9), "Gefäß");
  const volume::Case made = small_case(1), back = reader.load(1);
  EXPECT_EQ(back.id, made.id);
  ASSERT_EQ(back.channels.size(), 3U);
  EXPECT_TRUE(same_voxels(*back.channels[0].image, *made.channels[0].image));
  EXPECT_FALSE(back.channels[1].image);
  EXPECT_EQ(back.channels[1].name, "T2");
  EXPECT_TRUE(same_voxels(*back.channels[2].image, *made.channels[2].image));
  EXPECT_EQ(back.label_map->type(), VoxelType::kUInt8);
  EXPECT_EQ(back.scalars, made.scalars);  // a third among them: to the last bit
  EXPECT_EQ(back.report, made.report);
  EXPECT_EQ(back.facts, made.facts);
  EXPECT_EQ(back.groups.patient, "p1");
  EXPECT_EQ(back.groups.vendor, "Halden");
  ASSERT_EQ(back.boxes.size(), 1U);
  EXPECT_EQ(back.boxes[0].low_mm, made.boxes[0].low_mm);
  EXPECT_EQ(back.boxes[0].label, "lesion");
  const volume::Geometry geometry = tilted();
  EXPECT_EQ(back.reference().geometry.origin_mm, geometry.origin_mm);
  EXPECT_EQ(back.reference().geometry.spacing_mm, geometry.spacing_mm);
  EXPECT_EQ(back.reference().geometry.direction, geometry.direction);
  EXPECT_EQ(reader.find("nobody"), std::nullopt);
}

TEST(Store, ACaseWithoutFactsIsWrittenAsBeforeThereWereAny) {
  store::CaseSummary summary;
  summary.id = "a";
  EXPECT_EQ(store::summary_text(summary).find("facts"), std::string::npos);
  store::Manifest manifest;
  manifest.shards.push_back({"shard-0000.h5", 1, "00"});
  manifest.cases.push_back({summary, 0, "/case-00000"});
  EXPECT_TRUE(store::manifest_from(store::manifest_text(manifest)).cases.at(0).summary.facts.empty());
  manifest.cases[0].summary.facts = {{"b_value", "1000"}};
  EXPECT_EQ(store::manifest_from(store::manifest_text(manifest)).cases.at(0).summary.facts,
            manifest.cases[0].summary.facts);
}

TEST(Store, ABoxEqualsTheCropOfTheWholeInVoxelsAndPlace) {
  const Scratch scratch;
  const Shape shape{40, 70, 33};
  volume::Case one = small_case(3, shape);
  {
    store::Writer writer(scratch / "s");
    writer.add(one);
    writer.commit();
  }
  const store::Reader reader(scratch / "s");
  core::Rng rng({7, 0, 0, 0});
  for (int i = 0; i < 60; ++i) {
    const store::Box box = random_box(rng, shape);
    const Volume part = reader.read(0, 0, box);
    EXPECT_TRUE(std::ranges::equal(part.voxels<std::int16_t>(), cropped<std::int16_t>(*one.channels[0].image, box)));
    EXPECT_EQ(part.scale, 0.1);
    const volume::Point here = part.geometry.world({0, 0, 0}),
                        there = one.reference().geometry.world({static_cast<double>(box.begin[0]),
                                                                static_cast<double>(box.begin[1]),
                                                                static_cast<double>(box.begin[2])});
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(here[c], there[c], 1e-9);
    const Volume labels = reader.read_labels(0, box);
    const std::vector<std::int32_t> truth = cropped<std::int32_t>(*one.label_map, box);
    EXPECT_TRUE(std::ranges::equal(labels.voxels<std::uint8_t>(), truth));
  }
}

TEST(Store, ABoxOutsideAnAbsentChannelAndAMissingLabelMapAreErrorsThatNameTheCase) {
  const Scratch scratch;
  volume::Case bare = small_case(4);
  bare.label_map.reset();
  {
    store::Writer writer(scratch / "s");
    writer.add(bare);
    writer.commit();
  }
  const store::Reader reader(scratch / "s");
  for (const store::Box& box :
       {store::Box{{0, 0, 0}, {6, 1, 1}}, store::Box{{-1, 0, 0}, {2, 1, 1}}, store::Box{{0, 6, 0}, {1, 1, 1}},
        store::Box{{0, 0, 0}, {1, 1, 0}}, store::Box{{0, 0, INT64_MAX}, {1, 1, INT64_MAX}}}) {
    const std::string error = error_of([&] { reader.read(0, 0, box); });
    EXPECT_NE(error.find("case-104"), std::string::npos) << error;
    EXPECT_NE(error.find("box"), std::string::npos) << error;
  }
  EXPECT_NE(error_of([&] { reader.read(0, 1, reader.whole(0)); }).find("channel 'T2' is absent"), std::string::npos);
  EXPECT_NE(error_of([&] { reader.read(0, 3, reader.whole(0)); }).find("case-104"), std::string::npos);
  EXPECT_NE(error_of([&] { reader.read_labels(0, reader.whole(0)); }).find("no label map"), std::string::npos);
}

TEST(Store, TheHashOfTheDataIsTheSameWhateverShardingThreadsOrderAndCompression) {
  const Scratch scratch;
  write(scratch / "a", 9);
  write(scratch / "b", 9, {.cases_per_shard = 2}, 4);
  write(scratch / "c", 9, {.bytes_per_shard = 1, .layout = {.compression = 0}}, 1, true);
  const store::Reader a(scratch / "a"), b(scratch / "b"), c(scratch / "c");
  EXPECT_EQ(a.data_hash(), b.data_hash());
  EXPECT_EQ(a.data_hash(), c.data_hash());
  EXPECT_TRUE(fs::exists(scratch / "b/shards/shard-0004.h5"));
  EXPECT_TRUE(fs::exists(scratch / "c/shards/shard-0008.h5"));
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_EQ(a.summary(i).id, "case-" + std::to_string(100 + i));
  for (const char* what : {"voxel", "scalar", "report", "label"}) {  // and another one when anything else is there
    volume::Case one = small_case(0);
    if (*what == 'v') one.channels[0].image->voxels<std::int16_t>()[17] ^= 1;
    if (*what == 's') one.scalars["score"] = 1e-300;
    if (*what == 'r') one.report += " ";
    if (*what == 'l') one.label_map->voxels<std::int32_t>()[0] = 2;
    store::Writer writer(scratch / what);
    writer.add(one);
    writer.commit();
    EXPECT_NE(store::Reader(scratch / what).summary(0).hash, a.summary(0).hash) << what;
  }
}

TEST(Store, ClassLocationsShowTheirClassAndAreASampleOfIt) {
  const Scratch scratch;
  const Shape shape{20, 30, 40};
  volume::Case one = small_case(5, shape);
  one.label_map = classes(shape, 700);
  {
    store::Writer writer(scratch / "s");
    writer.add(one);
    writer.commit();
  }
  const store::Reader reader(scratch / "s");
  EXPECT_EQ(reader.summary(0).label_type, VoxelType::kUInt16);
  const Volume labels = reader.read_labels(0, reader.whole(0));
  for (const int label : {1, 2, 700}) {
    const auto places = reader.class_locations(0, label);
    EXPECT_EQ(places.size(), 1000U) << label;
    std::int64_t low = 0;
    for (const auto& [d, h, w] : places) {
      EXPECT_EQ(labels.voxels<std::uint16_t>()[static_cast<std::size_t>((d * 30 + h) * 40 + w)], label);
      low += d < 10;
    }
    EXPECT_NEAR(static_cast<double>(low), 500, 80) << "half of the voxels lie in the lower half";
  }
  EXPECT_TRUE(reader.class_locations(0, 3).empty());
  EXPECT_EQ(reader.summary(0).label_voxels.at(700), 3429);
}

TEST(Store, ManyThreadsReadOneReaderAndGetWhatOneGets) {
  const Scratch scratch;
  write(scratch / "s", 12, {.cases_per_shard = 3});
  const store::Reader reader(scratch / "s");
  std::atomic<int> wrong{0};
  core::parallel_for(400, 8, [&](std::int64_t i) {
    const std::int64_t index = i * 7 % 12;
    const volume::Case truth = small_case(static_cast<int>(index));
    wrong += !same_voxels(reader.read(index, i % 2 * 2, reader.whole(index)), *truth.channels[i % 2 * 2].image);
    wrong += reader.class_locations(index, 9).size() != 30;
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Store, KeptChunksChangeNothingAndAreReadOnce) {
  const Scratch scratch;
  write(scratch / "s", 3, {.cases_per_shard = 3});
  const store::Reader plain(scratch / "s"), small(scratch / "s", {.cache_bytes = 4000}),
      large(scratch / "s", {.cache_bytes = 1 << 24});
  std::atomic<int> wrong{0};
  core::parallel_for(200, 4, [&](std::int64_t i) {
    const std::int64_t index = i % 3, channel = i % 2 * 2;
    const volume::Shape whole = plain.whole(index).shape;
    const store::Box box{{i % 2, i % 3, 1}, {whole.depth - 2, whole.height - 3, whole.width - 1}};
    const volume::Volume truth = plain.read(index, channel, box);
    wrong +=
        !same_voxels(small.read(index, channel, box), truth) || !same_voxels(large.read(index, channel, box), truth);
  });
  EXPECT_EQ(wrong, 0);
  write_bytes(scratch / "s/shards/shard-0000.h5", "");  // whatever is read from now on was kept
  for (std::int64_t index = 0; index < 3; ++index) {
    const volume::Case truth = small_case(static_cast<int>(index));
    EXPECT_TRUE(same_voxels(large.read(index, 0, large.whole(index)), *truth.channels[0].image));
  }
}

TEST(Store, AnyHdf5ToolReadsTheArraysOfBothTiers) {
  // What the library asks of a filter that is none of its own; h5py has it from hdf5plugin (tests/bench/store_peers.py
  // reads with that).
  const auto unpack = [](unsigned flags, std::size_t, const unsigned* about, std::size_t size, std::size_t* room,
                         void** bytes) -> std::size_t {
    EXPECT_TRUE(flags & H5Z_FLAG_REVERSE);
    const std::span<const std::byte> packed(static_cast<const std::byte*>(*bytes), size);
    std::size_t raw = 0;
    for (std::size_t i = 0; i < 8; ++i) raw = raw << 8 | std::to_integer<std::size_t>(packed[i]);
    void* out = std::malloc(raw);
    store::unpack(packed, about[2], {0, raw}, {static_cast<std::byte*>(out), raw});
    std::free(*bytes);
    *bytes = out;
    return *room = raw;
  };
  const H5Z_class2_t filter{H5Z_CLASS_T_VERS,
                            static_cast<H5Z_filter_t>(store::kBitshuffleFilter),
                            1,
                            1,
                            "bitshuffle",
                            nullptr,
                            nullptr,
                            unpack};
  const Scratch scratch;
  const Shape shape{33, 40, 35};
  for (const int level : {0, 1}) {
    const fs::path folder = scratch / std::to_string(level);
    {
      store::Writer writer(folder, {.layout = {.compression = level}});
      for (const VoxelType type : kTypes) {
        volume::Case one;
        one.id = name(type);
        one.channels.push_back({"T1", "MR", picture(shape, type, 1)});
        writer.add(one);
      }
      writer.commit();
    }
    const auto lock = store::hdf5_lock();
    if (level == 1) {
      ASSERT_GE(H5Zregister(&filter), 0);
    }
    const hid_t file = H5Fopen((folder / "shards/shard-0000.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    for (int i = 0; i < 8; ++i) {
      const std::string array = "/case-0000" + std::to_string(i) + "/channel-0";
      const hid_t set = H5Dopen2(file, array.c_str(), H5P_DEFAULT);
      ASSERT_GE(set, 0);
      Volume read(shape, kTypes[i], tilted());
      EXPECT_GE(H5Dread(set, store::hdf5_type(kTypes[i]), H5S_ALL, H5S_ALL, H5P_DEFAULT, read.bytes().data()), 0);
      EXPECT_TRUE(same_voxels(read, picture(shape, kTypes[i], 1))) << name(kTypes[i]) << " level " << level;
      H5Dclose(set);
    }
    H5Fclose(file);
    if (level == 1) H5Zunregister(static_cast<H5Z_filter_t>(store::kBitshuffleFilter));
  }
}

TEST(Store, OfTheRawTierEveryChunkBeginsAtAPageAndHoldsTheVoxelsThemselves) {
  const Scratch scratch;
  const volume::Case one = small_case(2, {70, 64, 64});
  {
    store::Writer writer(scratch / "s", {.layout = {.compression = 0}});
    writer.add(one);
    writer.commit();
  }
  const fs::path shard = scratch / "s/shards/shard-0000.h5";
  const auto tables = store::read_tables(shard, "/case-00000");
  const store::ArrayTable& table = tables.at("channel-0");
  ASSERT_EQ(table.places.size(), 12U);
  const std::string bytes = bytes_of(shard);
  for (const auto& place : table.places) {
    EXPECT_EQ(place.offset % 4096, 0U);
    EXPECT_EQ(place.size, static_cast<std::uint64_t>(table.chunk.voxels()) * 2);
  }
  EXPECT_EQ(bytes.compare(table.places[0].offset, 64,
                          reinterpret_cast<const char*>(one.channels[0].image->bytes().data()), 64),
            0);
}

TEST(Store, ManyShardsAreReadWithFewFilesOpenAndWhatIsFetchedAheadIsTheSame) {
  const Scratch scratch;
  constexpr int kCases = 80;
  write(scratch / "s", kCases, {.cases_per_shard = 1});
  const store::Reader reader(scratch / "s");
  const auto open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = open_files();
  for (std::int64_t i = 0; i < kCases; ++i) {
    for (const std::int64_t channel : {std::int64_t{0}, std::int64_t{1}, store::Reader::kLabels})
      reader.prefetch(i, channel, reader.whole(i));  // channel 1 is absent
    EXPECT_TRUE(same_voxels(reader.read(i, 0, reader.whole(i)), *small_case(static_cast<int>(i)).channels[0].image));
  }
  EXPECT_LE(open_files() - before, 64);
  EXPECT_NE(error_of([&] { reader.prefetch(0, 0, {{0, 0, 0}, {6, 1, 1}}); }).find("box"), std::string::npos);
}
