#pragma once
// Which encoder a run uses, as settings: "encoder.name" and, below "encoder.", whatever that encoder has.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "models/encoder.h"

namespace pipelines {

class EncoderChoice {
 public:
  // Throws usage Error for an unknown name, naming the nearest.
  static EncoderChoice from(std::span<const core::Setting> settings, const std::string& fallback = "resenc");

  const std::string& name() const { return name_; }
  // Bound to the settings of this choice, which must outlive them; moving the choice is fine.
  std::vector<core::Slot> slots();
  // Weights are drawn from torch's generator.
  std::shared_ptr<models::Encoder> make(const models::Input& input) const { return settings_->make(input); }

 private:
  std::string name_;
  std::unique_ptr<models::EncoderSettings> settings_;
};

std::vector<std::string> encoder_names();

}  // namespace pipelines
