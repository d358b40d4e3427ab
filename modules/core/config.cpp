#include "core/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace core {
namespace {

std::string number_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
  char buffer[40];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  // Other YAML readers take "1e-3" for a string: a number always has its point.
  if (text.find('.') == std::string::npos) text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

bool parses(const std::string& text, double& value) {
  const auto end = text.data() + text.size();
  return std::from_chars(text.data(), end, value).ptr == end && !text.empty() && std::isfinite(value);
}
bool parses(const std::string& text, std::int64_t& value) {
  const auto end = text.data() + text.size();
  return !text.empty() && std::from_chars(text.data(), end, value).ptr == end;
}
bool parses(const std::string& text, bool& value) {
  value = text == "true";
  return value || text == "false";
}
bool parses(const std::string& text, std::string& value) {
  value = text;
  return true;
}

std::string yaml_text(double value) { return number_text(value); }
std::string yaml_text(std::int64_t value) { return std::to_string(value); }
std::string yaml_text(bool value) { return value ? "true" : "false"; }
std::string yaml_text(const std::string& value) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  double number = 0;
  const bool plain = !value.empty() && value.find_first_not_of(kPlain) == std::string::npos && value != "true" &&
                     value != "false" && value != "null" && value.front() != '-' && !parses(value, number);
  if (plain) return value;
  YAML::Emitter out;
  out << YAML::DoubleQuoted << value;
  return out.c_str();
}

const char* type_name(double) { return "number"; }
const char* type_name(std::int64_t) { return "integer"; }
const char* type_name(bool) { return "true or false"; }
const char* type_name(const std::string&) { return "text"; }

void check_range(const Setting&, const std::optional<Range>&, const std::string&) {}
void check_range(const Setting&, const std::optional<Range>&, bool) {}
template <class Number>
void check_range(const Setting& setting, const std::optional<Range>& range, Number value) {
  if (!range) return;
  const double number = static_cast<double>(value);
  if (number >= range->low && number <= range->high) return;
  throw usage_error(setting.place + ": " + setting.key + " is " + yaml_text(value) + ", allowed is " +
                    number_text(range->low) + " to " + number_text(range->high));
}

template <class T>
T parse_one(const Setting& setting, const std::string& text, const std::optional<Range>& range) {
  T value{};
  if (!parses(text, value)) {
    throw usage_error(setting.place + ": " + setting.key + " is '" + text + "', wanted " + type_name(T{}));
  }
  check_range(setting, range, value);
  return value;
}

template <class T>
struct Shape {
  static std::string type() { return type_name(T{}); }
  static T parse(const Setting& setting, const std::optional<Range>& range) {
    if (setting.list) throw usage_error(setting.place + ": " + setting.key + " is a list, wanted " + type());
    return parse_one<T>(setting, setting.values.at(0), range);
  }
  static std::string yaml(const T& value) { return yaml_text(value); }
};

template <class T>
struct Shape<std::vector<T>> {
  static std::string type() { return std::string("list of ") + type_name(T{}); }
  static std::vector<T> parse(const Setting& setting, const std::optional<Range>& range) {
    if (!setting.list) throw usage_error(setting.place + ": " + setting.key + " wants a list: [a, b]");
    std::vector<T> result;
    for (const std::string& text : setting.values) result.push_back(parse_one<T>(setting, text, range));
    return result;
  }
  static std::string yaml(const std::vector<T>& values) {
    std::string text = "[";
    for (const T& value : values) text += (text.size() > 1 ? ", " : "") + yaml_text(value);
    return text + "]";
  }
};

void flatten(const YAML::Node& node, const std::string& prefix, const std::string& file, std::vector<Setting>& out) {
  const std::string place = file + ":" + std::to_string(node.Mark().line + 1);
  if (node.IsMap()) {
    for (const auto& child : node) {
      const std::string key = child.first.IsScalar() ? child.first.Scalar() : "";
      if (key.empty()) throw usage_error(place + ": a key must be a word");
      flatten(child.second, prefix.empty() ? key : prefix + "." + key, file, out);
      // A scalar's own mark is at the value; the key's line is where a person looks.
      if (!child.second.IsMap()) out.back().place = file + ":" + std::to_string(child.first.Mark().line + 1);
    }
    return;
  }
  if (prefix.empty()) throw usage_error(place + ": wanted lines of 'key: value'");
  Setting setting{prefix, {}, node.IsSequence(), place};
  if (node.IsSequence()) {
    for (const auto& item : node) {
      if (!item.IsScalar()) throw usage_error(place + ": " + prefix + ": a list holds plain values only");
      setting.values.push_back(item.Scalar());
    }
  } else {
    setting.values.push_back(node.IsNull() ? "" : node.Scalar());
  }
  out.push_back(std::move(setting));
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string range_text(const Slot& slot) {
  return slot.range ? number_text(slot.range->low) + " to " + number_text(slot.range->high) : "";
}

}  // namespace

template <class Member>
Slot bind_slot(std::string key, std::string help, std::optional<Range> range, Member& member) {
  return {std::move(key),
          std::move(help),
          Shape<Member>::type(),
          range,
          [&member, range](const Setting& setting) { member = Shape<Member>::parse(setting, range); },
          [&member] { return Shape<Member>::yaml(member); }};
}

template Slot bind_slot(std::string, std::string, std::optional<Range>, bool&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, std::int64_t&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, double&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, std::string&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, std::vector<std::int64_t>&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, std::vector<double>&);
template Slot bind_slot(std::string, std::string, std::optional<Range>, std::vector<std::string>&);

std::vector<Setting> settings_from_yaml(std::string_view text, const std::string& file) {
  std::vector<Setting> result;
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (root.IsDefined() && !root.IsNull()) flatten(root, "", file, result);
  } catch (const YAML::Exception& error) {
    throw usage_error(file + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg,
                      "indent with spaces, 'key: value' a line");
  }
  return result;
}

std::vector<Setting> settings_from_file(const std::filesystem::path& path) {
  try {
    return settings_from_yaml(read_text(path), path.filename().string());
  } catch (const Error& error) {
    throw usage_error(error.story(), error.hint());
  }
}

Setting setting_from_argument(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) throw usage_error("--set " + argument + ": wanted key=value");
  std::vector<Setting> parsed;
  try {
    flatten(YAML::Load(argument.substr(equals + 1)), argument.substr(0, equals), "--set", parsed);
  } catch (const YAML::Exception& error) {
    throw usage_error("--set " + argument + ": " + error.msg);
  }
  if (parsed.size() != 1) throw usage_error("--set " + argument + ": wanted one value");
  parsed.front().place = "--set";
  return parsed.front();
}

void configure(std::span<const Slot> slots, std::span<const Setting> settings) {
  for (const Setting& setting : settings) {
    const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot& s) { return s.key == setting.key; });
    if (slot != slots.end()) {
      slot->set(setting);
      continue;
    }
    std::vector<std::string> known;
    for (const Slot& s : slots) known.push_back(s.key);
    const std::string close = nearest(setting.key, known);
    throw usage_error(setting.place + ": unknown key '" + setting.key + "'",
                      close.empty() ? "see --help for the keys" : "did you mean '" + close + "'?");
  }
}

std::string resolved_yaml(std::span<const Slot> slots) {
  std::ostringstream out;
  std::vector<std::string> open;
  for (const Slot& slot : slots) {
    std::vector<std::string> parts;
    std::istringstream words(slot.key);
    for (std::string word; std::getline(words, word, '.');) parts.push_back(word);
    std::size_t level = 0;
    while (level < open.size() && level + 1 < parts.size() && open[level] == parts[level]) ++level;
    open.resize(level);
    for (; level + 1 < parts.size(); ++level) {
      out << std::string(2 * level, ' ') << parts[level] << ":\n";
      open.push_back(parts[level]);
    }
    out << std::string(2 * level, ' ') << parts.back() << ": " << slot.yaml() << "  # " << slot.help << "\n";
  }
  return out.str();
}

std::string reference_markdown(std::span<const Slot> slots) {
  std::ostringstream out;
  out << "| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n";
  for (const Slot& slot : slots) {
    out << "| `" << slot.key << "` | " << slot.type << " | `" << slot.yaml() << "` | " << range_text(slot) << " | "
        << slot.help << " |\n";
  }
  return out.str();
}

std::string settings_help(std::span<const Slot> slots) {
  std::ostringstream out;
  for (const Slot& slot : slots) {
    out << "  " << slot.key << " = " << slot.yaml() << "\n      " << slot.help << " (" << slot.type;
    if (slot.range) out << ", " << range_text(slot);
    out << ")\n";
  }
  return out.str();
}

std::string settings_hash(std::span<const Slot> slots) {
  std::string text;
  for (const Slot& slot : slots) text += slot.key + "=" + slot.yaml() + "\n";
  return sha256_hex(text);
}

std::string nearest(const std::string& word, std::span<const std::string> known) {
  std::string best;
  std::size_t distance = std::max<std::size_t>(3, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    // A key given without its section is meant as often as a misspelled one.
    const std::size_t dot = candidate.rfind('.');
    const std::size_t d = std::min(
        edit_distance(word, candidate),
        dot == std::string::npos ? word.size() + candidate.size() : edit_distance(word, candidate.substr(dot + 1)));
    if (d < distance) {
      distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace core
