#include "io/dataset_json.h"

#include <algorithm>
#include <boost/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "io/table.h"

namespace io {
namespace {

namespace json = boost::json;

core::Error wrong(const std::string& what) {
  return core::usage_error("dataset.json: " + what,
                           "compare it with the description of the layout, or list the images "
                           "in a .csv");
}

int whole(const json::value& value, const std::string& where) {
  std::optional<double> number;
  if (value.is_number()) number = value.to_number<double>();
  if (value.is_string()) number = number_in(std::string(value.get_string()));
  if (!number || *number != static_cast<int>(*number)) throw wrong(where + " is no whole number");
  return static_cast<int>(*number);
}

// {"0": "T1", "1": "T2"} or ["T1", "T2"].
std::vector<std::string> channel_names(const json::value& value) {
  std::map<int, std::string> names;
  if (value.is_object()) {
    for (const auto& [key, name] : value.get_object()) {
      if (!name.is_string()) throw wrong("a channel's name is no text");
      names[whole(json::value(key), "a channel's number")] = std::string(name.get_string());
    }
  } else if (value.is_array()) {
    for (const json::value& name : value.get_array()) {
      if (!name.is_string()) throw wrong("a channel's name is no text");
      names[static_cast<int>(names.size())] = std::string(name.get_string());
    }
  }
  if (names.empty() || names.begin()->first != 0 || names.rbegin()->first + 1 != static_cast<int>(names.size()))
    throw wrong("the channels are not numbered 0, 1, 2 ...");
  std::vector<std::string> result;
  for (const auto& [number, name] : names) {
    const bool again = std::find(result.begin(), result.end(), name) != result.end();
    result.push_back(again ? name + "_" + std::to_string(number) : name);
  }
  return result;
}

// MSD: {"1": "Anterior"}; nnU-Net: {"Anterior": 1} or, for regions, {"whole": [1, 2]}.
std::map<int, std::string> label_names(const json::value& value) {
  if (!value.is_object()) throw wrong("'labels' is no object");
  std::map<int, std::string> names;
  for (const auto& [key, entry] : value.get_object()) {
    const std::string word(key);
    if (entry.is_array()) {
      for (const json::value& each : entry.get_array())
        names.emplace(whole(each, "label '" + word + "'"),
                      "class_" + std::to_string(whole(each, "label '" + word + "'")));
    } else if (number_in(word) && entry.is_string()) {
      names[whole(json::value(key), "a label")] = std::string(entry.get_string());
    } else {
      names[whole(entry, "label '" + word + "'")] = word;
    }
  }
  return names;
}

std::string inside(const json::value& value) {
  if (!value.is_string()) throw wrong("a path in 'training' is no text");
  const std::filesystem::path path = std::filesystem::path(std::string(value.get_string())).lexically_normal();
  if (path.is_absolute() || path.empty() || *path.begin() == "..") throw wrong("a path leads out of the folder");
  return path.string();
}

}  // namespace

DatasetJson read_dataset_json(const std::filesystem::path& folder) {
  boost::system::error_code failed;
  const json::value root = json::parse(core::read_text(folder / "dataset.json"), failed);
  if (failed || !root.is_object()) throw wrong("it is no JSON object");
  const json::object& fields = root.get_object();
  DatasetJson result;
  result.nnunet = fields.contains("channel_names");
  if (const json::value* channels = fields.if_contains(result.nnunet ? "channel_names" : "modality"))
    result.channels = channel_names(*channels);
  if (const json::value* labels = fields.if_contains("labels")) result.label_names = label_names(*labels);
  if (const json::value* ending = fields.if_contains("file_ending"); ending != nullptr && ending->is_string())
    result.file_ending = std::string(ending->get_string());
  const json::value* training = fields.if_contains("training");
  if (training == nullptr || result.nnunet) return result;
  if (!training->is_array()) throw wrong("'training' is no list");
  for (const json::value& each : training->get_array()) {
    if (each.is_string()) {
      result.training.push_back({inside(each), ""});
    } else if (each.is_object() && each.get_object().contains("image")) {
      const json::value* label = each.get_object().if_contains("label");
      result.training.push_back({inside(each.at("image")), label != nullptr ? inside(*label) : ""});
    } else {
      throw wrong("an item of 'training' has no image");
    }
  }
  return result;
}

}  // namespace io
