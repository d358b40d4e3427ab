#pragma once
// A setting is said once. A settings struct is plain, with member defaults, and lists its fields:
//
//   struct Options {
//     double temperature = 0.5;
//     static constexpr auto fields() {
//       return std::tuple{core::field("temperature", &Options::temperature, "softmax temperature", core::Range{0.01,
//       10})};
//     }
//   };
//
// From that line come the YAML check, --set, --help, the reference page, resolved.yaml and the hash in cache keys.
// Member types: bool, std::int64_t, double, std::string, vectors of the last three, and nested structs with fields() of
// their own.

#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace core {

struct Range {
  double low, high;  // both allowed
};

template <class Settings, class Member>
struct Field {
  const char* name;
  Member Settings::*member;
  const char* help;
  std::optional<Range> range;
};

template <class Settings, class Member>
constexpr Field<Settings, Member> field(const char* name, Member Settings::*member, const char* help,
                                        std::optional<Range> range = std::nullopt) {
  return {name, member, help, range};
}

template <class T>
concept HasFields = requires {
  T::fields();
};

// One value given by a person, with the place it was given at ("recipe.yaml:7" or "--set").
struct Setting {
  std::string key;                  // dotted: "optimiser.learning_rate"
  std::vector<std::string> values;  // one, or the items of a list
  bool list = false;
  std::string place;
};

// One field of one settings object, bound to it: the object must outlive the slot.
struct Slot {
  std::string key;
  std::string help;
  std::string type;  // "number", "list of integers", ...
  std::optional<Range> range;
  std::function<void(const Setting&)> set;  // throws Error of type or range
  std::function<std::string()> yaml;        // the present value as YAML
};

template <class Member>
Slot bind_slot(std::string key, std::string help, std::optional<Range> range, Member& member);

template <HasFields Settings>
void append_slots(Settings& settings, const std::string& prefix, std::vector<Slot>& slots) {
  std::apply(
      [&](const auto&... each) {
        (
            [&] {
              auto& member = settings.*(each.member);
              if constexpr (HasFields<std::remove_cvref_t<decltype(member)>>) {
                append_slots(member, prefix + each.name + ".", slots);
              } else {
                slots.push_back(bind_slot(prefix + each.name, each.help, each.range, member));
              }
            }(),
            ...);
      },
      Settings::fields());
}

template <HasFields Settings>
std::vector<Slot> slots_of(Settings& settings, const std::string& prefix = "") {
  std::vector<Slot> slots;
  append_slots(settings, prefix, slots);
  return slots;
}

// YAML (or JSON) to settings, in the file's order. Throws usage Error with file and line for what is no mapping of
// keys.
std::vector<Setting> settings_from_yaml(std::string_view text, const std::string& file);
std::vector<Setting> settings_from_file(const std::filesystem::path& path);
// "a.b=c" or "a.b=[1, 2]", as given to --set.
Setting setting_from_argument(const std::string& argument);

// Sets the slots, later settings win. Throws usage Error for an unknown key (naming the nearest known one), a wrong
// type or a value out of range, each with file and line.
void configure(std::span<const Slot> slots, std::span<const Setting> settings);

std::string resolved_yaml(std::span<const Slot> slots);       // every value, help as comments; reads back to the same
std::string reference_markdown(std::span<const Slot> slots);  // a table: key, type, default, range, meaning
std::string settings_help(std::span<const Slot> slots);       // for a terminal
std::string settings_hash(std::span<const Slot> slots);       // SHA-256 of keys and values

// The entry of `known` with the smallest edit distance to `word`; empty when none is close.
std::string nearest(const std::string& word, std::span<const std::string> known);

}  // namespace core
