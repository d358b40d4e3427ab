#pragma once
// A volume at a glance: axial, coronal and sagittal slices with orientation letters and a scale bar, labels in colour,
// a prediction beside the truth. How planes hang is told in slice.h.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "report/picture.h"
#include "report/slice.h"
#include "volume/volume.h"

namespace report {

struct MontageOptions {
  // Through this point (LPS mm). Otherwise through the centre of mass of the label, or else of the prediction, or else
  // the middle of the picture.
  std::optional<volume::Point> centre_mm;
  std::optional<Window> window;       // otherwise by percentiles
  std::int64_t slices_per_plane = 1;  // several: spread over the label's extent, or over the middle 80 % of the scan
  std::int64_t tile_pixels = 256;     // the longest side of the patient's box
  double opacity = 0.3;               // of the fill; the outline is opaque
  bool legend = true;
  std::map<int, std::string> label_names;  // for the legend; a class that lacks a name is shown as its number
  std::string title;                       // never a patient's name: pictures travel
};

// One row of three planes (several slices: one row a plane); with a prediction the rows of truth stand above those of
// the prediction. RGB, dark ground, as wide as needed. All tiles have one scale, so that lengths compare.
// Throws Error when label or prediction lie elsewhere than the picture or have another shape.
Picture montage(const volume::Volume& image, const volume::Volume* label = nullptr,
                const volume::Volume* prediction = nullptr, const MontageOptions& options = {});

// "Axial, coronal and sagittal slice, 120 x 100 x 80 mm, with 2 classes in colour": what a screen reader says.
std::string describe_montage(const volume::Volume& image, const volume::Volume* label = nullptr,
                             const volume::Volume* prediction = nullptr);

}  // namespace report
