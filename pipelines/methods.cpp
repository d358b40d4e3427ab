// gadolin methods: the ways to pretrain an encoder, what each needs and what it is good for.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "core/table.h"
#include "pipelines/command.h"
#include "ssl/method.h"

namespace pipelines {
namespace {

namespace json = boost::json;

struct Words {
  std::string name;
  bool json = false;
};

json::object json_of(const ssl::MethodEntry& entry) {
  const auto settings = entry.settings();
  json::array slots;
  for (const core::Slot& slot : settings->slots())
    slots.push_back(
        {{"key", "method." + slot.key}, {"type", slot.type}, {"default", slot.yaml()}, {"help", slot.help}});
  return {{"name", entry.name},           {"family", entry.family}, {"year", entry.year},
          {"help", entry.help},           {"needs", entry.needs},   {"encoders", entry.encoders},
          {"cost", entry.cost},           {"choose", entry.choose}, {"loss", entry.loss},
          {"formula", entry.formula},     {"probe", entry.probe},   {"improves", entry.improves},
          {"reference", entry.reference}, {"settings", slots}};
}

void print_one(const ssl::MethodEntry& entry) {
  std::printf("%s: %s\n\n", std::string(entry.name).c_str(), std::string(entry.help).c_str());
  const std::pair<const char*, std::string> lines[] = {
      {"family", fmt::format("{}, {}", entry.family, entry.year)},
      {"choose it when", std::string(entry.choose)},
      {"needs", std::string(entry.needs)},
      {"encoders", std::string(entry.encoders)},
      {"cost",
       fmt::format("about {:g} passes of the encoder over a whole patch, forward and backward, a sample", entry.cost)},
      {"promises", fmt::format("{} scores", entry.probe)},
      {"loss", std::string(entry.loss)},
      {"formula", std::string(entry.formula)},
      {"must improve", std::string(entry.improves)},
      {"reference", std::string(entry.reference)}};
  for (const auto& [name, text] : lines) std::printf("  %-16s%s\n", name, text.c_str());
  const auto settings = entry.settings();
  std::vector<core::Slot> slots = settings->slots();
  for (core::Slot& slot : slots) slot.key = "method." + slot.key;
  std::printf("\nsettings, for --set and recipes:\n%s", core::settings_help(slots).c_str());
}

void print_all() {
  core::Table table{{"method", "family", "year", "needs", "encoders", "cost", "probe", "learns from"}, {}};
  for (const ssl::MethodEntry* entry : ssl::methods())
    table.add({std::string(entry->name), std::string(entry->family), std::to_string(entry->year),
               std::string(entry->needs), std::string(entry->encoders), fmt::format("{:g}", entry->cost),
               std::string(entry->probe), std::string(entry->help)});
  std::printf("%s\ncost: passes of the encoder over a whole patch, a sample; gadolin methods NAME tells more\n",
              core::to_text(table).c_str());
}

core::Exit tell(const Words& words) {
  if (!words.name.empty()) {
    const ssl::MethodEntry& entry = ssl::method_named(words.name);
    if (words.json) {
      std::printf("%s\n", json::serialize(json_of(entry)).c_str());
    } else {
      print_one(entry);
    }
    return core::Exit::kDone;
  }
  if (!words.json) {
    print_all();
    return core::Exit::kDone;
  }
  json::array all;
  for (const ssl::MethodEntry* entry : ssl::methods()) all.push_back(json_of(*entry));
  std::printf("%s\n", json::serialize(all).c_str());
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto words = std::make_shared<Words>();
  app.add_option("NAME", words->name, "one method: all about it");
  app.add_flag("--json", words->json, "JSON instead of text: a list, or one object with NAME");
  return [words] { return tell(*words); };
}

}  // namespace

extern const Command methods_command;
const Command methods_command{"methods", "list the ways to pretrain an encoder, what each needs and when to choose it",
                              "  gadolin methods\n"
                              "  gadolin methods simclr\n"
                              "  gadolin methods --json",
                              attach};

}  // namespace pipelines
