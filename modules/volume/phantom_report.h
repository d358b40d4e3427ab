#pragma once
// A few sentences a radiologist might write of a phantom patient.

#include <string>

#include "volume/phantom_anatomy.h"

namespace volume::phantom {

// In a wording drawn from `rng`; sizes are the patient's own, in cm.
std::string report_text(const Patient& patient, const std::string& modality, core::Rng rng);

}  // namespace volume::phantom
