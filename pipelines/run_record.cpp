#include "pipelines/run_record.h"

#include <boost/json.hpp>
#include <charconv>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "core/files.h"
#include "pipelines/versions.h"

namespace pipelines {
namespace {

namespace json = boost::json;

template <class Items>
json::array array_of(const Items& items) {
  json::array array;
  for (const auto& item : items) array.emplace_back(item);
  return array;
}

json::object shape_of(const RunRecord& record) {
  json::object labels;
  for (const auto& [value, name] : record.label_names) labels[std::to_string(value)] = name;
  return {{"channels", array_of(record.channels)},     {"patch", array_of(record.patch)},
          {"spacing_mm", array_of(record.spacing_mm)}, {"labels", labels},
          {"classes", array_of(record.classes)},       {"target", record.target}};
}

void read_shape(RunRecord& record, const json::object& shape) {
  for (const auto& name : shape.at("channels").as_array()) record.channels.emplace_back(name.as_string());
  for (std::size_t a = 0; a < 3; ++a) {
    record.patch[a] = shape.at("patch").as_array().at(a).to_number<std::int64_t>();
    record.spacing_mm[a] = shape.at("spacing_mm").as_array().at(a).to_number<double>();
  }
  for (const auto& [value, name] : shape.at("labels").as_object())
    record.label_names[std::stoi(std::string(value))] = std::string(name.as_string());
  for (const auto& name : shape.at("classes").as_array()) record.classes.emplace_back(name.as_string());
  record.target = std::string(shape.at("target").as_string());
}

std::string quoted(const std::string& word) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-=,:+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::map<std::string, std::string> facts_of(const RunRecord& record) {
  return {{"kind", record.kind},      {"config", record.config},
          {"plan", record.plan},      {"network", json::serialize(shape_of(record))},
          {"data", record.data_hash}, {"seed", std::to_string(record.seed)},
          {"command", record.command}};
}

RunRecord record_from(const std::map<std::string, std::string>& facts) {
  const auto fact = [&](const std::string& name) {
    const auto found = facts.find(name);
    if (found != facts.end()) return found->second;
    throw core::Error("it does not say its " + name, "only checkpoints of gadolin pretrain and finetune can be used");
  };
  RunRecord record;
  record.kind = fact("kind");
  record.config = fact("config");
  record.plan = fact("plan");
  record.data_hash = fact("data");
  record.command = fact("command");
  const std::string seed = fact("seed");
  std::from_chars(seed.data(), seed.data() + seed.size(), record.seed);
  try {
    const json::value shape = json::parse(fact("network"));
    read_shape(record, shape.as_object());
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception&) {
    throw core::Error("what it says of its network cannot be read", "it is damaged, or of another version of gadolin");
  }
  return record;
}

void write_record(const std::filesystem::path& folder, const RunRecord& record,
                  const std::map<std::string, std::string>& more) {
  json::object versions, all;
  for (const auto& [name, version] : library_versions()) versions[name] = version;
  for (const auto& [name, value] : facts_of(record)) all[name] = value;
  all.insert_or_assign("network", shape_of(record));
  all.insert_or_assign("seed", record.seed);
  all.insert_or_assign("versions", std::move(versions));
  for (const auto& [name, value] : more) all[name] = value;
  core::publish_file(folder / "resolved.yaml", std::string_view(record.config));
  core::publish_file(folder / "run.json", std::string_view(json::serialize(all) + "\n"));
}

RunRecord read_record(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "run.json"))
    throw core::Error(folder.filename().string() + " is no folder of a run",
                      "give the folder that pretrain or finetune wrote");
  std::map<std::string, std::string> facts;
  const std::string text = core::read_text(folder / "run.json");
  try {
    const json::value parsed = json::parse(text);
    for (const auto& [name, value] : parsed.as_object()) {
      facts[std::string(name)] = value.is_string() ? std::string(value.as_string()) : json::serialize(value);
    }
  } catch (const std::exception&) {
    throw core::Error("run.json of " + folder.filename().string() + " cannot be read", "run the command again");
  }
  return core::with_context("read run " + folder.filename().string(), [&] { return record_from(facts); });
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);  // its size reads as 0
  const std::string words{std::istreambuf_iterator<char>(file), {}};
  std::string line;
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find('\0', begin), words.size());
    const std::string word = words.substr(begin, end - begin);
    line += (line.empty() ? "" : " ") + (line.empty() ? std::filesystem::path(word).filename().string() : quoted(word));
    begin = end + 1;
  }
  return line;
}

}  // namespace pipelines
