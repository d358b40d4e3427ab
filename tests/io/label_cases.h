#pragma once
// Cases with labels as an archive gives them, and damaged label objects.

#include "io/label_map.h"
#include "io/layout.h"
#include "label_objects.h"
#include "mutate.h"

// The one case of a folder.
inline volume::Case the_case(const std::filesystem::path& folder, const std::map<int, std::string>& labels = {}) {
  io::LayoutOptions options;
  options.label_names = labels;
  const io::Cohort cohort = io::find_cohort(folder, options);
  EXPECT_EQ(cohort.entries.size(), 1U);
  return io::load(cohort.entries.at(0), cohort);
}

// The code with which it, or its label map, fails; "" when it is read.
inline std::string case_code(const std::filesystem::path& folder, const std::map<int, std::string>& labels = {}) {
  try {
    const volume::Case one = the_case(folder, labels);
    const auto unusable = one.facts.find("label_unusable");
    EXPECT_FALSE(unusable != one.facts.end() && one.label_map);
    return unusable == one.facts.end() ? "" : unusable->second;
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

// What comes of bringing the file to an image: a code, or "" where it could be read.
inline std::string attached_code(const std::filesystem::path& file, io::AttachedKind kind,
                                 const volume::Volume& image) {
  volume::Case one;
  one.channels.push_back({"image", "CT", image.clone()});
  io::DicomVolume read;
  read.frame_of_reference = io::DeidKey::known_to_all().pseudonym('f', io::uid_from("frame key"));
  const io::Attachment attachment{kind, "object", file, true};
  try {
    io::read_identity(file);
    io::attach(std::span(&attachment, 1), read, {{1, "Kidney"}, {2, "Liver"}}, io::DeidKey::known_to_all(), one);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return one.notes.empty() ? "" : one.notes.front();
}

// Ended before some `times` of its bytes, and as often changed: refused or noted with a code, or read.
inline void expect_damage_told(const std::filesystem::path& file, io::AttachedKind kind, const volume::Volume& image,
                               std::size_t times = 200) {
  const std::string whole = bytes_of(file);
  const std::filesystem::path folder = file.parent_path().parent_path() / "damaged";
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / times) {
    write_bytes(folder / "cut.dcm", whole.substr(0, size));
    const std::string code = attached_code(folder / "cut.dcm", kind, image);
    EXPECT_NE(code, "") << size;
    EXPECT_NE(code, "OTHER") << size;
  }
  core::Rng rng({.seed = 4711});
  for (std::size_t i = 0; i < times; ++i) {
    write_bytes(folder / "changed.dcm", mutated({whole}, 0, rng));
    EXPECT_NE(attached_code(folder / "changed.dcm", kind, image), "OTHER") << i;
  }
}
