// Stores of several machines as one.
#include "store/merge.h"

#include "cases.h"
#include "core/files.h"

namespace {

namespace fs = std::filesystem;

void fill(const fs::path& folder, const std::vector<int>& numbers, store::WriterOptions options = {}) {
  options.cases_per_shard = 2;
  store::Writer writer(folder, options);
  for (const int number : numbers) writer.add(small_case(number), "source " + std::to_string(number));
  writer.commit();
}

std::string merge_error(const std::vector<fs::path>& parts, const fs::path& out) {
  return error_of([&] { store::merge(parts, out); });
}

}  // namespace

TEST(Merge, ThePartsTogetherAreTheStoreThatOneMachineWouldHaveMade) {
  const Scratch scratch;
  fill(scratch / "a", {1, 4, 5});
  fill(scratch / "b", {});
  fill(scratch / "c", {2, 3, 6, 7});
  fill(scratch / "whole", {1, 2, 3, 4, 5, 6, 7});
  const std::vector<fs::path> parts{scratch / "a", scratch / "b", scratch / "c"};
  const store::Merged merged = store::merge(parts, scratch / "out");
  EXPECT_EQ(merged.cases, 7);
  EXPECT_EQ(merged.doubled, 0);
  EXPECT_EQ(merged.shards, 4);
  const store::Reader out(scratch / "out"), whole(scratch / "whole");
  EXPECT_EQ(out.data_hash(), whole.data_hash());
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const volume::Case a = out.load(i), b = whole.load(i);
    EXPECT_TRUE(same_voxels(*a.channels[0].image, *b.channels[0].image));
    EXPECT_EQ(out.summary(i).source_hash, whole.summary(i).source_hash);
  }
}

TEST(Merge, APartThatIsRemovedLeavesTheWholeAsItIsAndItCanGrow) {
  const Scratch scratch;
  fill(scratch / "a", {1, 2});
  fill(scratch / "b", {3});
  const std::vector<fs::path> parts{scratch / "a", scratch / "b"};
  store::merge(parts, scratch / "out/");
  fs::remove_all(scratch / "a");
  fs::remove_all(scratch / "b");
  fill(scratch / "out", {9});
  const store::Reader reader(scratch / "out");
  ASSERT_EQ(reader.size(), 4);
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_NO_THROW(reader.load(i));
}

TEST(Merge, ACaseThatTwoPartsHoldIsKeptOnceWhenEqualAndRefusedWhenNot) {
  const Scratch scratch;
  fill(scratch / "a", {1, 2});
  fill(scratch / "b", {2, 3});
  const std::vector<fs::path> parts{scratch / "a", scratch / "b"};
  const store::Merged merged = store::merge(parts, scratch / "out");
  EXPECT_EQ(merged.cases, 3);
  EXPECT_EQ(merged.doubled, 1);
  {
    store::Writer writer(scratch / "c");
    volume::Case other = small_case(7);
    other.id = small_case(2).id;
    writer.add(other);
    writer.commit();
  }
  const std::string error = merge_error({scratch / "a", scratch / "c"}, scratch / "other");
  EXPECT_NE(error.find("case case-102 is in a and in c with other content"), std::string::npos) << error;
  EXPECT_FALSE(fs::exists(scratch / "other"));
}

TEST(Merge, OneFlippedBitInAShardIsNoticedAndNothingIsMade) {
  const Scratch scratch;
  fill(scratch / "a", {1});
  fill(scratch / "b", {2});
  const fs::path shard = scratch / "b/shards/shard-0000.h5";
  std::string bytes = bytes_of(shard);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_bytes(shard, bytes);
  const std::string error = merge_error({scratch / "a", scratch / "b"}, scratch / "out");
  EXPECT_NE(error.find("store b: shard-0000.h5: it is damaged"), std::string::npos) << error;
  EXPECT_FALSE(fs::exists(scratch / "out"));
}

TEST(Merge, OtherLabelNamesOtherPlansAnAbsentPartAndAStoreThatIsThereAreRefused) {
  const Scratch scratch;
  store::WriterOptions named, planned;
  named.label_names = {{0, "background"}, {1, "a"}, {2, "b"}, {9, "c"}};
  planned.plan_yaml = "plan_version: 1\n";
  fill(scratch / "plain", {1});
  fill(scratch / "named", {2}, named);
  fill(scratch / "planned", {3}, planned);
  EXPECT_NE(
      merge_error({scratch / "plain", scratch / "named"}, scratch / "out").find("plain and named have other label"),
      std::string::npos);
  EXPECT_NE(merge_error({scratch / "plain", scratch / "planned"}, scratch / "out").find("with other plans"),
            std::string::npos);
  EXPECT_NE(merge_error({scratch / "plain", scratch / "absent"}, scratch / "out").find("store absent: there is no"),
            std::string::npos);
  EXPECT_NE(merge_error({scratch / "plain"}, scratch / "named").find("store named: it is there already"),
            std::string::npos);
}
