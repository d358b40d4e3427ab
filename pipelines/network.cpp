#include "pipelines/network.h"

#include "pipelines/choice.h"

namespace pipelines {

EncoderChoice EncoderChoice::from(std::span<const core::Setting> settings, const std::string& fallback) {
  EncoderChoice choice;
  choice.name_ = chosen_name(settings, "encoder", fallback);
  choice.settings_ = models::encoder_named(choice.name_).settings();
  return choice;
}

std::vector<core::Slot> EncoderChoice::slots() {
  std::string names;
  for (const std::string& name : encoder_names()) names += (names.empty() ? "" : ", ") + name;
  return choice_slots("encoder", name_, "the network that is trained: " + names, settings_->slots());
}

std::vector<std::string> encoder_names() {
  std::vector<std::string> names;
  for (const models::EncoderEntry* entry : models::encoders()) names.emplace_back(entry->name);
  return names;
}

}  // namespace pipelines
