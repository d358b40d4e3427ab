#pragma once
// What one scan makes of a phantom patient: site, grid, contrast of the tissues, bias field and noise.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "volume/phantom.h"
#include "volume/phantom_anatomy.h"
#include "volume/resample.h"

namespace volume::phantom {

struct Site {
  std::string name, vendor, axes;  // "site-a", "Halden", "SPL"
  double ratio = 1;                // slice to in-plane spacing
  double noise = 1, bias = 1, gain = 1;
};
Site draw_site(const PhantomOptions& options, std::int64_t number);

// The value of every tissue in one channel, and how much its grain shows.
struct Contrast {
  std::array<float, kTissues> value{}, grain{};
  std::array<double, 9> bias{};  // of 1, 2nd order polynomials in -1..1, as exponents
  float noise = 0;               // standard deviation
  bool magnitude = false;        // MR: noise is Rician
};

struct Scan {
  Site site;
  Grid grid;
  Point centre_mm{};  // where the patient's origin lies in the world
  float breath_mm = 0;
  std::vector<Contrast> channels;
};

// `number` counts over the cohort.
Scan draw_scan(const PhantomOptions& options, const Patient& patient, std::int64_t patient_number, std::int64_t number);

}  // namespace volume::phantom
