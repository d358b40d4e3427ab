#pragma once
// What `gadolin inspect` finds out about one thing, whatever it is. Nothing here holds text that came with a patient
// (report texts, DICOM attributes, header descriptions): facts are counts, sizes and hashes.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/table.h"
#include "report/slice.h"
#include "volume/case.h"

namespace pipelines {

struct Fact {
  std::string name, text;    // for a person
  boost::json::value value;  // for a program
};

struct Subject {
  std::string kind;  // "store", "image", "cohort", "weights", "fault"
  std::vector<Fact> facts;
  core::Table cases;                         // no columns: nothing to list
  std::string plan;                          // YAML, may be empty
  std::function<report::Picture()> picture;  // may be empty: nothing to show
};

struct InspectRequest {
  std::filesystem::path path;
  std::string case_id;          // empty: the whole
  std::filesystem::path label;  // of an image
  std::int64_t slices = 1;      // per plane
  bool augment = false;         // of a case: what augmentations do to it, instead of the case
  std::string op;               // of them this one, drawn several times; empty: each once
  std::uint64_t seed = 1;
};

// True for what each can look at; then looks. Throw core::Error for what is damaged or when no case has that id.
bool is_store(const std::filesystem::path& path);
Subject inspect_store(const InspectRequest& request);
bool is_archive(const std::filesystem::path& path);  // tensors in the safetensors layout
Subject inspect_archive(const InspectRequest& request);
// The first samples of every view of a batch that a training kept (train/fault.h); `data`: where the tensors begin.
report::Picture fault_picture(const std::filesystem::path& path, const boost::json::object& header, std::uint64_t data);
#ifdef GADOLIN_HAS_IMAGING
bool is_image(const std::filesystem::path& path);
Subject inspect_image(const InspectRequest& request);
Subject inspect_cohort(const InspectRequest& request);  // a folder or table that io knows how to read
#endif

// What both images and cases of a store are asked.
std::vector<Fact> grid_facts(const volume::Shape& shape, const volume::Geometry& geometry);
std::vector<Fact> value_facts(const volume::Volume& image);
std::vector<Fact> label_facts(const volume::Volume& label_map, const std::map<int, std::string>& names);
std::vector<Fact> case_facts(const volume::Case& one, const std::map<int, std::string>& names);
// Every channel that is present, one below the other, labels over each.
report::Picture case_picture(const volume::Case& one, const std::map<int, std::string>& names, std::int64_t slices);
// Small, for many cases beside each other: the first channel only.
report::Picture small_picture(const volume::Case& one, const std::map<int, std::string>& names);
#ifdef GADOLIN_HAS_TORCH
// The middle of the first channel that is present as it is, then what each augmentation alone makes of it, or several
// draws of `op`; what an op hides in colour. Throws usage Error for an unknown op.
report::Picture augmented_picture(const volume::Case& one, const std::string& op, std::uint64_t seed);
#endif
// [-160, 240] for CT in Hounsfield units, so that soft tissue shows; nothing for all else.
std::optional<report::Window> window_for(const volume::Channel& channel);

std::string shape_text(const volume::Shape& shape);             // "35 x 51 x 35"
std::string spacing_text(const std::array<double, 3>& values);  // "3 x 0.9 x 0.9"
std::string bytes_text(double bytes);                           // "1.4 GiB"
Fact fact(std::string name, std::string text);
Fact fact(std::string name, std::int64_t count);

}  // namespace pipelines
