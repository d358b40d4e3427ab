#pragma once
// The table of methods: what is known of each before it is made.

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ssl {

class MethodSettings;

// What `gadolin methods` tells. Fields of text are one line each.
struct MethodEntry {
  std::string_view name;
  std::string_view help;       // what it learns from
  std::string_view family;     // one of method_families()
  int year;                    // of the paper
  std::string_view needs;      // of a sample: "2 views", "2 views, positions", "2 cases", "reports"
  std::string_view encoders;   // it runs with: "any", or their names, "vit" or "resenc, resnet"
  double cost;                 // forward and backward passes of the encoder over one whole patch, about, a sample
  std::string_view choose;     // when to take it
  std::string_view loss;       // in words
  std::string_view formula;    // in plain characters
  std::string_view reference;  // authors, title, where
  std::string_view probe;      // the score it promises: "kNN", "linear" or "finetune"
  std::string_view improves;   // what must fall on one fixed batch: "loss", or the name of a watched number
  std::unique_ptr<MethodSettings> (*settings)();
};

// In the order of the table.
std::span<const std::string_view> method_families();
// True when the entry lists the encoder, or any.
bool runs_with(const MethodEntry& entry, std::string_view encoder);

std::span<const MethodEntry* const> methods();
// Throws usage Error for an unknown name, naming the nearest.
const MethodEntry& method_named(const std::string& name);

}  // namespace ssl
