#pragma once
// Which cases are for what, decided once: patients never part, and every study compares on the same test cases.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "store/reader.h"

namespace pipelines {

// By case id.
struct Split {
  std::map<std::string, std::string> set_of;      // "train", "test", ...
  std::map<std::string, std::string> patient_of;  // where the file says it; wins over the store's group
};

// CSV with columns case and set, and patient where the store does not know it. Throws usage Error: no such columns, a
// case twice, a patient in two sets.
Split read_split(const std::filesystem::path& path);

// About `test_share` of the patients to "test", the others to "train". A patient's lot depends on its pseudonym and the
// seed alone, so it stays when cases are added.
Split split_by_patient(const store::Reader& reader, double test_share, std::uint64_t seed);

// Indices in the store of the set's cases. Throws usage Error when the split has no such set (naming those it has), or
// the store lacks all of its cases; some missing ones are told in the log.
std::vector<std::int64_t> cases_of(const Split& split, const std::string& set, const store::Reader& reader);

// The patient of a case: the split's word, else the store's group, else the case's own id.
std::string patient_of(const Split& split, const store::CaseSummary& summary);

// `count` of the cases: patients in an order drawn with (seed, draw), each with all its cases, until there are enough
// (the last one may give a part). Cases without a label map are left out, or, with a `target` scalar, those without
// it; then its values take turns, so that few cases show every class. Throws usage Error when there are too few.
std::vector<std::int64_t> draw_labelled(const Split& split, const store::Reader& reader,
                                        std::span<const std::int64_t> cases, std::int64_t count, std::uint64_t draw,
                                        std::uint64_t seed, const std::string& target = "");

}  // namespace pipelines
