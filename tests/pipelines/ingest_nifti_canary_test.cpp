// Identity planted wherever a NIfTI file has room for text: after an ingest none of it is in the store, its reports or
// what was told. (Names of files and folders are kept, as README says; nothing is planted there.)
#include <gtest/gtest.h>

#include "../io/nifti_volumes.h"
#include "gadolin.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

constexpr const char* kCanary = "CANARY";

void plant(std::string& bytes, std::size_t at, std::size_t room) {
  const std::string word = std::string(kCanary) + "DOE^JANE 19470315 MRN0815";
  bytes.replace(at, std::min(room, word.size()), word.substr(0, room));
}

// data_type, db_name, descrip, aux_file, intent_name, an extension with text, and the gap behind it.
std::string planted(std::string bytes) {
  for (const auto& [at, room] : {std::pair(4, 10), {14, 18}, {148, 80}, {228, 24}, {328, 16}})
    plant(bytes, static_cast<std::size_t>(at), static_cast<std::size_t>(room));
  std::string extension(64, ' '), gap(32, ' ');
  const std::int32_t size = 64, code = 6;  // text
  std::memcpy(extension.data(), &size, 4);
  std::memcpy(extension.data() + 4, &code, 4);
  plant(extension, 8, 56);
  plant(gap, 0, 32);
  bytes[348] = 1;
  bytes.insert(352, extension + gap);
  const float begin = 352 + 64 + 32;
  std::memcpy(bytes.data() + 108, &begin, sizeof begin);
  return bytes;
}

// NIfTI-2 is written where a side is beyond 32767.
std::string planted_second_version(const Scratch& folder) {
  io::write_image(folder / "long.nii", volume::Volume({2, 2, 40000}, volume::VoxelType::kUInt8, {}));
  std::string bytes = bytes_of(folder / "long.nii");
  for (const auto& [at, room] : {std::pair(240, 80), {320, 24}, {508, 16}})
    plant(bytes, static_cast<std::size_t>(at), static_cast<std::size_t>(room));
  return bytes;
}

}  // namespace

TEST(IngestNiftiCanary, NothingPlantedInHeadersExtensionsAndGapsIsKeptOrTold) {
  const Scratch folder;
  io::write_image(folder / "sound.nii", volume_of_4d(0));
  const std::string sound = planted(bytes_of(folder / "sound.nii")), several = planted(nifti_4d(folder, 2));
  write_bytes(folder / "in/plain.nii", sound);
  write_gzip(folder / "in/packed.nii.gz", sound);
  write_bytes(folder / "in/second.nii", planted_second_version(folder));
  write_bytes(folder / "in/times.nii", several);
  write_bytes(folder / "in/cut.nii", sound.substr(0, sound.size() - 9));
  std::string colours = sound;
  colours[70] = '\x80', colours[71] = 0, colours[72] = 24;
  write_bytes(folder / "in/colours.nii", colours);
  for (const char* name : {"plain.nii", "second.nii", "times.nii", "cut.nii", "colours.nii"})
    ASSERT_NE(bytes_of(folder / (std::string("in/") + name)).find(kCanary), std::string::npos) << name;
  const fs::path store = folder / "store";
  const Outcome told = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(store));
  EXPECT_EQ(told.exit, 4) << told.out;  // two are refused
  EXPECT_EQ(told.out.find(kCanary), std::string::npos) << told.out;
  EXPECT_EQ(store::Reader(store).size(), 5);
  int files = 0;
  for (const auto& file : fs::recursive_directory_iterator(store)) {
    if (!file.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(bytes_of(file.path()).find(kCanary), std::string::npos) << file.path();
  }
  EXPECT_GE(files, 5);  // shard, manifest and three reports
  const Outcome dry =
      quick_gadolin("ingest " + quoted(folder / "in") + " --dry-run --report " + quoted(folder / "dry.html"));
  EXPECT_EQ(dry.out.find(kCanary), std::string::npos) << dry.out;
  EXPECT_EQ(bytes_of(folder / "dry.html").find(kCanary), std::string::npos);
}
