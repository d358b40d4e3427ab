#include "runtime/archive.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "../scratch.h"
#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "runtime/transfer.h"

namespace {

runtime::Archive sample() {
  runtime::Archive archive;
  archive.facts = {{"format", "gadolin-test-1"}, {"note", "quotes \" and \\ and \u00e4\n"}};
  archive.tensors["b.half"] = at::arange(6, at::kHalf).reshape({2, 3});
  archive.tensors["a.float"] = at::linspace(-1, 1, 35, at::kFloat).reshape({5, 7});
  archive.tensors["c.flags"] = at::arange(3, at::kByte);
  archive.tensors["d.scalar"] = at::scalar_tensor(2.5, at::kDouble);
  archive.tensors["e.empty"] = at::empty({0, 4}, at::kLong);
  archive.tensors["f.bfloat"] = at::arange(5).to(at::kBFloat16);
  archive.tensors["g.bool"] = at::arange(4).gt(1);
  archive.tensors["h.turned"] = at::arange(6, at::kLong).reshape({2, 3}).t();
  return archive;
}

TEST(Archive, WhatIsReadIsWhatWasWrittenAndEqualArchivesGiveEqualBytes) {
  const Scratch folder;
  const runtime::Archive archive = sample();
  runtime::write_archive(folder / "a", archive);
  runtime::write_archive(folder / "b", archive);
  EXPECT_EQ(core::read_text(folder / "a"), core::read_text(folder / "b"));
  EXPECT_EQ(core::read_text(folder / "a"), runtime::pack_archive(archive));
  const runtime::Archive read = runtime::read_archive(folder / "a", "gadolin-test-1");
  EXPECT_EQ(read.facts, archive.facts);
  ASSERT_EQ(read.tensors.size(), archive.tensors.size());
  for (const auto& [name, tensor] : archive.tensors) {
    EXPECT_EQ(read.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.tensors.at(name), tensor)) << name;
  }
  EXPECT_EQ(runtime::pack_archive(read), runtime::pack_archive(archive));
}

TEST(Archive, TruncatedAnywhereIsAnError) {
  const std::string bytes = runtime::pack_archive(sample());
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 || size + 64 > bytes.size() ? 1 : 64) {
    EXPECT_THROW(runtime::unpack_archive(std::string_view(bytes).substr(0, size)), core::Error) << size;
  }
  EXPECT_THROW(runtime::unpack_archive(bytes + "x"), core::Error);
  const Scratch folder;
  std::ofstream(folder / "cut") << bytes.substr(0, bytes.size() - 64);
  try {
    runtime::read_archive(folder / "cut");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("read cut"), std::string::npos);
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Archive, OneFlippedBitAnywhereIsAnError) {
  std::string bytes = runtime::pack_archive(sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    EXPECT_THROW(runtime::unpack_archive(bytes, "gadolin-test-1"), core::Error) << i;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
  }
}

std::string with_header(const std::string& json, const std::string& data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(json.size() >> (8 * i));
  return bytes + json + data;
}

TEST(Archive, HostileHeadersAreErrorsBeforeAnythingIsAllocated) {
  const auto bad = [](const std::string& json, const std::string& data) {
    EXPECT_THROW(runtime::unpack_archive(with_header(json, data)), core::Error) << json;
  };
  bad(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", "");
  bad(R"({"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}})", "abcd");
  bad(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "abcd");
  bad(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "abcd");
  bad(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
      "abcd");
  bad(R"({"a":{"dtype":"PY","shape":[1],"data_offsets":[0,4]}})", "abcd");
  bad(R"({"a":7})", "");
  bad(R"([])", "");
  bad(R"({"__metadata__":{"n":1}})", "");
  bad(std::string(1000, '['), "");
}

TEST(Archive, ANameThatComesTwiceIsAnErrorWhereverItStands) {
  const auto bad = [](const std::string& json) {
    EXPECT_THROW(runtime::unpack_archive(with_header(json, "abcd")), core::Error) << json;
  };
  const std::string one = R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  bad(R"({"a":)" + one + R"(,"a":)" + one + "}");
  bad(R"({"a":)" + one + R"(,"\u0061":)" + one + "}");
  bad(R"({"a":{"dtype":"U8","shape":[9],"shape":[4],"data_offsets":[0,4]}})");
  bad(R"({"__metadata__":{"x":"1","x":"2"},"a":)" + one + "}");
  bad(R"({"__metadata__":{"x":"1"},"__metadata__":{},"a":)" + one + "}");
  // Colons and quotes inside of names are no names.
  const auto read =
      runtime::unpack_archive(with_header(R"({"__metadata__":{"k\":{\"":"a:b\\"},"a:\"b\":":)" + one + "}", "abcd"));
  EXPECT_EQ(read.tensors.count("a:\"b\":"), 1u);
  EXPECT_EQ(read.facts.at("k\":{\""), "a:b\\");
}

TEST(Archive, AHeaderBeyondTheCapIsRefusedWhateverTheFileHolds) {
  const Scratch folder;
  const std::uint64_t length = 100'000'001;
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  std::ofstream(folder / "huge", std::ios::binary) << bytes + "{}";
  std::filesystem::resize_file(folder / "huge", length + 8);  // sparse: no bytes on the disk
  EXPECT_NE(error_of([&] { runtime::read_archive(folder / "huge"); }).find("its header is cut short"),
            std::string::npos);
}

// Without a hash, as files of other programs are: every change reaches the parser.
TEST(Archive, WhateverIsDoneToAForeignHeaderOnlyOurErrorsComeOut) {
  const std::string json =
      R"({"__metadata__":{"format":"pt"},"x.y":{"dtype":"I16","shape":[2,1],"data_offsets":[0,4]},)"
      R"("z":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]}})";
  const std::string sound = with_header(json, "abcdefghijkl");
  core::Rng rng({29});
  int read = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = sound;
    for (std::uint64_t change = 0; change <= rng.below(3); ++change) {
      const auto at = static_cast<std::size_t>(rng.below(bytes.size()));
      const auto byte = static_cast<char>(
          rng.below(4) == 0 ? rng.below(256) : static_cast<std::uint64_t>("0123456789{}[]\",:-"[rng.below(18)]));
      switch (rng.below(3)) {
        case 0:
          bytes[at] = byte;
          break;
        case 1:
          bytes.insert(at, 1, byte);
          break;
        default:
          bytes.erase(at, 1 + rng.below(4));
      }
      if (bytes.empty()) bytes = "x";
    }
    try {
      runtime::unpack_archive(bytes);
      ++read;
    } catch (const core::Error&) {
    }
  }
  EXPECT_GT(read, 0);  // changes of the voxels or of a name are no damage that can be seen
  EXPECT_LT(read, 2000);
}

TEST(Archive, AFileOfAnotherProgramIsReadWithoutAHash) {
  const auto read = runtime::unpack_archive(with_header(
      R"( {"x.y": {"dtype": "I16", "shape": [2, 1], "data_offsets": [0, 4]}} )", std::string("\1\0\xff\xff", 4)));
  EXPECT_EQ(read.tensors.at("x.y").sizes(), (at::IntArrayRef{2, 1}));
  EXPECT_EQ(read.tensors.at("x.y")[1][0].item<int>(), -1);
  EXPECT_THROW(runtime::unpack_archive(with_header("{}", ""), "gadolin-test-1"), core::Error);
}

TEST(Archive, TheLayoutIsThatOfSafetensors) {
  const std::string bytes = runtime::pack_archive(sample());
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  EXPECT_EQ(length % 8, 0u);
  const std::string header = bytes.substr(8, length);
  EXPECT_TRUE(header.starts_with("{\"__metadata__\":{\"format\":\"gadolin-test-1\""));
  // The widest type lies first: one double, then six int64 transposed.
  EXPECT_NE(header.find(R"("d.scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]})"), std::string::npos);
  EXPECT_NE(header.find(R"("h.turned":{"dtype":"I64","shape":[3,2],"data_offsets":[8,56]})"), std::string::npos);
  double value = 0;
  std::memcpy(&value, bytes.data() + 8 + length, 8);
  EXPECT_EQ(value, 2.5);
}

TEST(Archive, PythonReadsItWithItsOwnLibrary) {
  const std::string program =
      "import sys\ntry:\n  from safetensors.torch import load_file\nexcept ImportError:\n  sys.exit(77)\n"
      "t = load_file(sys.argv[1])\nassert t['h.turned'].tolist() == [[0, 3], [1, 4], [2, 5]]\n"
      "assert t['b.half'].shape == (2, 3) and len(t) == 8\n";
  const Scratch folder;
  core::publish_file(folder / "read.py", program);
  runtime::write_archive(folder / "t.safetensors", sample());
  const auto python = std::filesystem::path(__FILE__).parent_path() / "../../third_party/.venv/bin/python";
  if (!std::filesystem::exists(python)) GTEST_SKIP() << "no Python here";
  const int status = std::system((python.string() + " " + (folder / "read.py").string() + " " +
                                  (folder / "t.safetensors").string() + " 2>/dev/null")
                                     .c_str());
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "safetensors is not installed";
  EXPECT_EQ(status, 0);
}

TEST(Archive, AFolderThatCannotBeWrittenToIsAnError) {
  EXPECT_THROW(runtime::write_archive("/proc/none/a", sample()), core::Error);
  EXPECT_THROW(runtime::read_archive("/proc/none/a"), core::Error);
}

TEST(Transfer, CopiesWhatFitsAndListsTheRest) {
  runtime::Archive archive;
  archive.tensors["encoder.stem.weight"] = at::arange(16, at::kFloat).reshape({2, 1, 2, 2, 2});
  archive.tensors["encoder.norm"] = at::full({100}, 3.0f);
  archive.tensors["encoder.odd"] = at::ones({5});
  archive.tensors["head.weight"] = at::ones({3});
  archive.tensors["optimiser/encoder.norm"] = at::ones({100});
  const at::Tensor stem = at::zeros({2, 4, 2, 2, 2}), norm = at::zeros({100}), odd = at::zeros({6}),
                   extra = at::zeros({2});
  const runtime::NamedTensors target{{"body.stem.weight", stem},
                                     {"body.norm", norm},
                                     {"body.odd", odd},
                                     {"body.extra", extra},
                                     {"head.weight", at::zeros({3})}};
  const auto report = runtime::transfer(archive, target, {{{"body.", "encoder."}}, 0.5});
  EXPECT_EQ(report.matched, std::vector<std::string>{"body.norm"});
  EXPECT_EQ(report.resized, std::vector<std::string>{"body.stem.weight"});
  EXPECT_EQ(report.skipped, (std::vector<std::string>{"body.odd (5, wanted 6)", "body.extra (absent)"}));
  EXPECT_EQ(report.unused, (std::vector<std::string>{"encoder.odd", "head.weight"}));
  EXPECT_NEAR(report.share, 164.0 / 172.0, 1e-12);
  EXPECT_TRUE(at::equal(norm, at::full({100}, 3.0f)));
  // The same picture in four channels gives what it gave in one.
  EXPECT_TRUE(at::allclose(stem.sum(1, true), archive.tensors["encoder.stem.weight"]));
  EXPECT_EQ(target.back().second.sum().item<float>(), 0);
}

TEST(Transfer, BelowTheThresholdNothingIsCopiedAndTheReportIsTheStory) {
  runtime::Archive archive;
  archive.tensors["a"] = at::ones({10});
  const at::Tensor a = at::zeros({10}), b = at::zeros({90});
  try {
    runtime::transfer(archive, {{"a", a}, {"b", b}});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("10 % of the weights"), std::string::npos) << error.what();
    EXPECT_NE(error.story().find("b (absent)"), std::string::npos);
  }
  EXPECT_EQ(a.sum().item<float>(), 0);
}

TEST(Transfer, PositionCodesOfACubeAreInterpolated) {
  runtime::Archive archive;
  archive.tensors["position"] = at::arange(8, at::kFloat).reshape({1, 8, 1});
  const at::Tensor wide = at::zeros({1, 64, 1});
  runtime::transfer(archive, {{"position", wide}});
  EXPECT_FLOAT_EQ(wide[0][0][0].item<float>(), 0);
  EXPECT_FLOAT_EQ(wide[0][63][0].item<float>(), 7);
  EXPECT_NEAR(wide.mean().item<float>(), 3.5, 1e-5);
}

}  // namespace
