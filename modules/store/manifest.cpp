#include "store/manifest.h"

#include <bit>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/hash.h"

namespace store {
namespace {

namespace json = boost::json;
constexpr std::string_view kFormat = "gadolin store";
constexpr std::string_view kSeal = ",\n\"sha256\":\"";

// A JSON number where it reads back to the same bits, else the shortest digits that do as a string.
json::value number(double value) {
  if (std::isfinite(value)) {
    const json::value back = json::parse(json::serialize(json::value(value)));
    if (back.is_double() && std::bit_cast<std::uint64_t>(back.get_double()) == std::bit_cast<std::uint64_t>(value)) {
      return value;
    }
  }
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return json::string(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

double number_from(const json::value& value) {
  if (!value.is_string()) return value.to_number<double>();
  const json::string& text = value.as_string();
  double result = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), result).ec != std::errc()) {
    throw core::Error("'" + std::string(text) + "' is no number");
  }
  return result;
}

json::array triple(const std::array<double, 3>& values) {
  return {number(values[0]), number(values[1]), number(values[2])};
}

std::array<double, 3> triple_from(const json::value& value) {
  const json::array& items = value.as_array();
  return {number_from(items.at(0)), number_from(items.at(1)), number_from(items.at(2))};
}

std::string text_from(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

json::object channel_json(const ChannelSummary& channel) {
  if (!channel.present) return {{"name", channel.name}, {"modality", channel.modality}, {"present", false}};
  return {{"name", channel.name},
          {"modality", channel.modality},
          {"type", volume::name(channel.type)},
          {"scale", number(channel.scale)},
          {"offset", number(channel.offset)}};
}

ChannelSummary channel_from(const json::object& object) {
  ChannelSummary channel;
  channel.name = text_from(object, "name");
  channel.modality = text_from(object, "modality");
  channel.present = !object.contains("present");
  if (!channel.present) return channel;
  channel.type = volume::voxel_type_named(text_from(object, "type"));
  channel.scale = number_from(object.at("scale"));
  channel.offset = number_from(object.at("offset"));
  return channel;
}

json::object geometry_json(const volume::Geometry& geometry) {
  json::array direction;
  for (const volume::Point& axis : geometry.direction) direction.push_back(triple(axis));
  return {{"origin_mm", triple(geometry.origin_mm)},
          {"spacing_mm", triple(geometry.spacing_mm)},
          {"direction", std::move(direction)}};
}

volume::Geometry geometry_from(const json::object& object) {
  volume::Geometry geometry;
  geometry.origin_mm = triple_from(object.at("origin_mm"));
  geometry.spacing_mm = triple_from(object.at("spacing_mm"));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    geometry.direction[axis] = triple_from(object.at("direction").as_array().at(axis));
  }
  return geometry;
}

json::object labels_json(const CaseSummary& one) {
  json::object voxels;
  for (const auto& [label, count] : one.label_voxels) voxels[std::to_string(label)] = count;
  return {{"type", volume::name(one.label_type)}, {"voxels", std::move(voxels)}};
}

json::object summary_json(const CaseSummary& one) {
  json::object object{{"id", one.id}};
  object["shape"] = json::array{one.shape.depth, one.shape.height, one.shape.width};
  object["geometry"] = geometry_json(one.geometry);
  json::array channels;
  for (const ChannelSummary& channel : one.channels) channels.push_back(channel_json(channel));
  object["channels"] = std::move(channels);
  if (one.has_labels) object["labels"] = labels_json(one);
  json::object scalars;
  for (const auto& [name, value] : one.scalars) scalars[name] = number(value);
  object["scalars"] = std::move(scalars);
  json::array boxes;
  for (const volume::BoxTarget& box : one.boxes) {
    boxes.push_back({{"low_mm", triple(box.low_mm)}, {"high_mm", triple(box.high_mm)}, {"label", box.label}});
  }
  object["boxes"] = std::move(boxes);
  object["report"] = one.report;
  object["groups"] =
      json::object{{"patient", one.groups.patient}, {"site", one.groups.site}, {"vendor", one.groups.vendor}};
  if (!one.facts.empty()) {  // stores made before there were any keep their hashes
    json::object facts;
    for (const auto& [name, text] : one.facts) facts[name] = text;
    object["facts"] = std::move(facts);
  }
  object["source_hash"] = one.source_hash;
  object["hash"] = one.hash;
  return object;
}

CaseSummary summary_from(const json::object& object) {
  CaseSummary one;
  one.id = text_from(object, "id");
  const json::array& shape = object.at("shape").as_array();
  one.shape = {shape.at(0).as_int64(), shape.at(1).as_int64(), shape.at(2).as_int64()};
  one.geometry = geometry_from(object.at("geometry").as_object());
  for (const json::value& channel : object.at("channels").as_array()) {
    one.channels.push_back(channel_from(channel.as_object()));
  }
  if (const json::value* labels = object.if_contains("labels")) {
    one.has_labels = true;
    one.label_type = volume::voxel_type_named(text_from(labels->as_object(), "type"));
    for (const auto& [label, count] : labels->at("voxels").as_object()) {
      one.label_voxels[std::stoi(std::string(label))] = count.as_int64();
    }
  }
  for (const auto& [name, value] : object.at("scalars").as_object())
    one.scalars[std::string(name)] = number_from(value);
  for (const json::value& item : object.at("boxes").as_array()) {
    const json::object& box = item.as_object();
    one.boxes.push_back({triple_from(box.at("low_mm")), triple_from(box.at("high_mm")), text_from(box, "label")});
  }
  one.report = text_from(object, "report");
  const json::object& groups = object.at("groups").as_object();
  one.groups = {text_from(groups, "patient"), text_from(groups, "site"), text_from(groups, "vendor")};
  if (const json::value* facts = object.if_contains("facts")) {
    for (const auto& [name, text] : facts->as_object()) one.facts[std::string(name)] = std::string(text.as_string());
  }
  one.source_hash = text_from(object, "source_hash");
  one.hash = text_from(object, "hash");
  return one;
}

Manifest manifest_from(const json::object& object) {
  if (const auto version = object.at("version").as_int64(); version != kStoreVersion) {
    throw core::Error(
        "the store has version " + std::to_string(version) + ", this gadolin knows " + std::to_string(kStoreVersion),
        version > kStoreVersion ? "use a newer gadolin" : "make it again from its source: gadolin ingest, or prepare");
  }
  Manifest manifest;
  for (const auto& [label, name] : object.at("label_names").as_object()) {
    manifest.label_names[std::stoi(std::string(label))] = std::string(name.as_string());
  }
  manifest.plan_yaml = text_from(object, "plan");
  if (object.contains("names_key")) manifest.names_key = text_from(object, "names_key");
  for (const json::value& item : object.at("shards").as_array()) {
    const json::object& shard = item.as_object();
    manifest.shards.push_back(
        {text_from(shard, "file"), shard.at("size_bytes").as_int64(), text_from(shard, "sha256")});
  }
  for (const json::value& item : object.at("cases").as_array()) {
    const json::object& entry = item.as_object();
    manifest.cases.push_back(
        {summary_from(entry.at("case").as_object()), entry.at("shard").as_int64(), text_from(entry, "group")});
    if (manifest.cases.back().shard < 0 ||
        manifest.cases.back().shard >= static_cast<std::int64_t>(manifest.shards.size())) {
      throw core::Error("case " + manifest.cases.back().summary.id + " lies in a shard that is not listed");
    }
  }
  return manifest;
}

}  // namespace

std::string store_name(const std::filesystem::path& folder) {
  const std::filesystem::path plain = folder.has_filename() ? folder : folder.parent_path();
  return plain.filename().string();
}

std::filesystem::path manifest_path(const std::filesystem::path& folder) { return folder / "manifest.json"; }

std::filesystem::path shard_path(const std::filesystem::path& folder, const std::string& file) {
  return folder / "shards" / file;
}

std::string shard_name(std::size_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 4 ? 4 - digits.size() : 0, '0');
  return "shard-" + digits + ".h5";
}

std::string summary_text(const CaseSummary& summary) { return json::serialize(summary_json(summary)); }

void require_utf8(const std::string& text, const std::string& what) {
  boost::system::error_code failed;
  json::parse(json::serialize(json::value(json::string(text))), failed);
  if (failed) throw core::Error(what + " is not UTF-8 text", "convert it to UTF-8, for example with iconv");
}

void require_utf8(const CaseSummary& summary) {
  require_utf8(summary.id, "the id");
  for (const ChannelSummary& channel : summary.channels) {
    require_utf8(channel.name, "a channel's name");
    require_utf8(channel.modality, "a channel's modality");
  }
  for (const auto& [name, value] : summary.scalars) require_utf8(name, "the name of a scalar");
  for (const volume::BoxTarget& box : summary.boxes) require_utf8(box.label, "the label of a box");
  require_utf8(summary.report, "the report");
  for (const auto& [name, text] : summary.facts) require_utf8(name + text, "a fact of the acquisition");
  require_utf8(summary.groups.patient, "the name of the patient group");
  require_utf8(summary.groups.site, "the name of the site");
  require_utf8(summary.groups.vendor, "the name of the vendor");
}

std::string manifest_text(const Manifest& manifest) {
  json::object names;
  for (const auto& [label, name] : manifest.label_names) names[std::to_string(label)] = name;
  std::string text = "{\"format\":" + json::serialize(kFormat) + ",\n\"version\":" + std::to_string(kStoreVersion) +
                     ",\n\"label_names\":" + json::serialize(names) +
                     ",\n\"plan\":" + json::serialize(manifest.plan_yaml) +
                     ",\n\"names_key\":" + json::serialize(manifest.names_key) + ",\n\"shards\":[";
  const char* comma = "\n";
  for (const Manifest::Shard& shard : manifest.shards) {
    const json::object line{{"file", shard.file}, {"size_bytes", shard.size_bytes}, {"sha256", shard.sha256}};
    text += std::exchange(comma, ",\n") + json::serialize(line);
  }
  text += "],\n\"cases\":[";
  comma = "\n";
  for (const Manifest::Entry& entry : manifest.cases) {
    const json::object line{{"shard", entry.shard}, {"group", entry.group}, {"case", summary_json(entry.summary)}};
    text += std::exchange(comma, ",\n") + json::serialize(line);
  }
  text += "]";
  const std::string seal = core::sha256_hex(text);
  return text + std::string(kSeal) + seal + "\"}\n";
}

Manifest manifest_from(std::string_view text) {
  const std::string hint = "it was cut, edited or never a store; make the store again";
  const std::size_t seal = text.rfind(kSeal);
  if (seal == std::string_view::npos || !text.starts_with("{\"format\":\"" + std::string(kFormat) + "\"")) {
    throw core::Error("manifest.json is not that of a store", hint);
  }
  if (core::sha256_hex(text.substr(0, seal)) != text.substr(std::min(text.size(), seal + kSeal.size()), 64)) {
    throw core::Error("manifest.json is damaged: its checksum does not match", hint);
  }
  try {
    return manifest_from(json::parse(json::string_view(text.data(), text.size())).as_object());
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw core::Error(std::string("manifest.json is not understood: ") + problem.what(), hint);
  }
}

}  // namespace store
