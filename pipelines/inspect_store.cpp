// A store: what its manifest says, and pictures of its first cases.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "core/error.h"
#include "pipelines/inspect_subject.h"
#include "store/reader.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPictured = 12;
constexpr std::size_t kMostValues = 6;  // of a fact, told one by one

struct Spread {
  double low = 0, middle = 0, high = 0;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

// "35 .. 36 .. 40 x ...": smallest, median and largest of each axis.
template <class Get>
Fact axes_fact(const std::string& name, const store::Reader& reader, const Get& get) {
  std::string text;
  boost::json::array all;
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> values;
    for (std::int64_t i = 0; i < reader.size(); ++i) values.push_back(get(reader.summary(i), axis));
    const Spread spread = spread_of(std::move(values));
    all.push_back(boost::json::array{spread.low, spread.middle, spread.high});
    if (axis > 0) text += " x ";
    text += spread.low == spread.high ? fmt::format("{:.4g}", spread.low)
                                      : fmt::format("{:.4g}..{:.4g}", spread.low, spread.high);
  }
  return {name, text, all};
}

// What one kind of group counts; cases without one count as one group.
template <class Get>
std::int64_t distinct(const store::Reader& reader, const Get& get) {
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < reader.size(); ++i) seen.insert(get(reader.summary(i).groups));
  return static_cast<std::int64_t>(seen.size());
}

void channel_facts(const store::Reader& reader, std::vector<Fact>& facts) {
  std::map<std::string, std::map<std::string, std::int64_t>> kinds;  // channel -> "MR int16" -> cases
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    for (const store::ChannelSummary& channel : reader.summary(i).channels) {
      ++kinds[channel.name]
             [channel.present ? fmt::format("{} {}", channel.modality, volume::name(channel.type)) : "absent"];
    }
  }
  for (const auto& [name, counts] : kinds) {
    std::string text;
    boost::json::object all;
    for (const auto& [kind, count] : counts) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
      all[kind] = count;
    }
    facts.push_back({"channel " + name, text, all});
  }
}

void class_facts(const store::Reader& reader, std::vector<Fact>& facts) {
  std::int64_t labelled = 0;
  std::map<int, std::int64_t> cases, voxels;
  for (const auto& [label, name] : reader.label_names()) {
    if (label != 0) cases[label] = voxels[label] = 0;
  }
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    labelled += reader.summary(i).has_labels ? 1 : 0;
    for (const auto& [label, count] : reader.summary(i).label_voxels) {
      ++cases[label];
      voxels[label] += count;
    }
  }
  facts.push_back(fact("with labels", labelled));
  for (const auto& [label, count] : cases) {
    const auto named = reader.label_names().find(label);
    const std::string name = named == reader.label_names().end() ? "" : " " + named->second;
    facts.push_back({fmt::format("class {}{}", label, name),
                     fmt::format("in {} cases, {} voxels", count, voxels[label]),
                     boost::json::object{{"cases", count}, {"voxels", voxels[label]}}});
  }
}

void target_facts(const store::Reader& reader, std::vector<Fact>& facts) {
  std::map<std::string, std::vector<double>> scalars;
  std::int64_t reports = 0, boxes = 0;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& one = reader.summary(i);
    for (const auto& [name, value] : one.scalars) scalars[name].push_back(value);
    reports += one.report.empty() ? 0 : 1;
    boxes += static_cast<std::int64_t>(one.boxes.size());
  }
  for (const auto& [name, values] : scalars) {
    const Spread spread = spread_of(values);
    facts.push_back({"target " + name, fmt::format("in {} cases, {:g} .. {:g}", values.size(), spread.low, spread.high),
                     boost::json::object{{"cases", values.size()}, {"min", spread.low}, {"max", spread.high}}});
  }
  if (reports > 0) facts.push_back(fact("with a report", reports));
  if (boxes > 0) facts.push_back(fact("boxes", boxes));
}

// How many cases tell it and, where they are few, which values.
void told_facts(const store::Reader& reader, std::vector<Fact>& facts) {
  std::map<std::string, std::map<std::string, std::int64_t>> told;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    for (const auto& [name, text] : reader.summary(i).facts) ++told[name][text];
  }
  for (const auto& [name, counts] : told) {
    std::int64_t cases = 0;
    std::string values;
    boost::json::object all;
    for (const auto& [text, count] : counts) {
      cases += count;
      values += fmt::format("{}{} x {}", values.empty() ? "" : ", ", count, text);
      if (counts.size() <= kMostValues) all[text] = count;
    }
    if (counts.size() > kMostValues) values = fmt::format("{} different", counts.size());
    facts.push_back({"told " + name, fmt::format("in {} cases: {}", cases, values),
                     boost::json::object{{"cases", cases}, {"different", counts.size()}, {"values", all}}});
  }
}

double size_on_disk(const fs::path& folder) {
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

core::Table case_table(const store::Reader& reader) {
  core::Table table{{"case", "shape D x H x W", "spacing mm", "axes", "channels", "classes"}, {}};
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& one = reader.summary(i);
    std::string channels, classes;
    for (const auto& channel : one.channels) {
      if (channel.present) channels += (channels.empty() ? "" : " ") + channel.name;
    }
    for (const auto& [label, count] : one.label_voxels) classes += (classes.empty() ? "" : " ") + std::to_string(label);
    table.add({one.id, shape_text(one.shape), spacing_text(one.geometry.spacing_mm), volume::orientation(one.geometry),
               channels, one.has_labels ? (classes.empty() ? "none" : classes) : "not labelled"});
  }
  return table;
}

Subject inspect_stored_case(const std::shared_ptr<store::Reader>& reader, const InspectRequest& request) {
  const auto index = reader->find(request.case_id);
  if (!index) {
    throw core::usage_error("the store has no case '" + request.case_id + "'",
                            "gadolin inspect " + request.path.string() + " lists its cases");
  }
  const auto one = std::make_shared<volume::Case>(reader->load(*index));
  Subject subject{"case", case_facts(*one, reader->label_names()), {}, "", {}};
  subject.facts.push_back(fact("hash", reader->summary(*index).hash));
  subject.picture = [one, reader, slices = request.slices] {
    return case_picture(*one, reader->label_names(), slices);
  };
#ifdef GADOLIN_HAS_TORCH
  if (request.augment) {
    subject.picture = [one, op = request.op, seed = request.seed] { return augmented_picture(*one, op, seed); };
  }
#endif
  return subject;
}

}  // namespace

bool is_store(const fs::path& path) { return fs::is_regular_file(path / "manifest.json"); }

Subject inspect_store(const InspectRequest& request) {
  store::ReaderOptions options;
  options.verify_shards = false;  // facts come from the manifest; what is shown is checked chunk by chunk
  const auto reader = std::make_shared<store::Reader>(request.path, options);
  if (!request.case_id.empty()) return inspect_stored_case(reader, request);
  Subject subject{"store", {}, {}, reader->plan_yaml(), {}};
  subject.facts.push_back(fact("cases", reader->size()));
  const double bytes = size_on_disk(request.path);
  subject.facts.push_back({"on disk", bytes_text(bytes), bytes});
  subject.facts.push_back(fact("data hash", reader->data_hash()));
  subject.facts.push_back(fact("prepared", std::string(reader->plan_yaml().empty() ? "no" : "yes, by the plan below")));
  if (reader->size() == 0) return subject;
  subject.facts.push_back(fact("patients", distinct(*reader, [](const volume::Groups& g) { return g.patient; })));
  subject.facts.push_back(fact("sites", distinct(*reader, [](const volume::Groups& g) { return g.site; })));
  subject.facts.push_back(fact("vendors", distinct(*reader, [](const volume::Groups& g) { return g.vendor; })));
  subject.facts.push_back(axes_fact("shape D x H x W", *reader, [](const store::CaseSummary& one, int axis) {
    return static_cast<double>(one.shape[axis]);
  }));
  subject.facts.push_back(axes_fact("spacing mm", *reader, [](const store::CaseSummary& one, int axis) {
    return one.geometry.spacing_mm[static_cast<std::size_t>(axis)];
  }));
  channel_facts(*reader, subject.facts);
  class_facts(*reader, subject.facts);
  target_facts(*reader, subject.facts);
  told_facts(*reader, subject.facts);
  subject.cases = case_table(*reader);
  subject.picture = [reader] {
    std::vector<report::Picture> pictures;
    // Evenly over the store: neighbours are often of one patient.
    const std::int64_t count = std::min(kPictured, reader->size());
    for (std::int64_t i = 0; i < count; ++i) {
      pictures.push_back(small_picture(reader->load(i * reader->size() / count), reader->label_names()));
    }
    return report::contact_sheet(pictures, 3, 8);
  };
  return subject;
}

}  // namespace pipelines
