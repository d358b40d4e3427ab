#pragma once
// Standardised uptake values by body weight (SUVbw) of PET images: activity concentration x weight / dose, the dose
// decayed from its injection to the time the images were corrected to (PS3.3 C.8.9.1, C.8.9.2; QIBA's profile of
// FDG-PET tells how vendors fill these attributes in). No date or time leaves these types, only what lies between two.

#include <map>
#include <optional>
#include <span>
#include <string>

namespace io {

class Attributes;

// What one image tells; absent where it is not told or is no sound number.
struct PetHeader {
  std::string units;       // (0054,1001): BQML, CNTS, GML
  std::string correction;  // (0054,1102): START, ADMIN, NONE
  std::optional<double> weight_kg, dose_bq, half_life_s;
  // Seconds from a common origin. An injection told by its time of day alone is the last one before the reference.
  std::optional<double> injection_s, series_s, acquisition_s;
  bool injection_has_date = false;
  std::optional<double> philips_suv, philips_activity;  // (7053,1000), (7053,1009): per count
};

PetHeader read_pet(const Attributes& from);

// Factor from values as rescaled to SUVbw, and what it was made of ("suv.injected_dose_bq"); or the code of why there
// is none: SUV_DECAY (not corrected for decay), SUV_INPUT (weight, dose, half-life or a time is not told, cannot be, or
// differs between images), SUV_UNITS (no activity).
struct Suv {
  double factor = 1;
  std::string code;  // empty: values times factor are SUVbw
  std::map<std::string, std::string> facts;
};

// Of all images of a volume; at least one.
Suv suv_of(std::span<const PetHeader> images);

}  // namespace io
