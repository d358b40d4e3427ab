#pragma once
// Everything known of one examination: what io makes, store keeps and data draws from.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "volume/volume.h"

namespace volume {

struct Channel {
  std::string name;             // "T1", "ADC"; unique in the case
  std::string modality;         // DICOM Modality: "CT", "MR", "PT"; "OT" when unknown
  std::optional<Volume> image;  // absent when this case lacks the channel
};

// An axis-aligned box in the world, LPS millimetres.
struct BoxTarget {
  Point low_mm{}, high_mm{};
  std::string label;
};

// Subject, site and vendor decide how data may be split: cases of one patient never part.
struct Groups {
  std::string patient;  // pseudonym, never the DICOM PatientID
  std::string site;
  std::string vendor;
};

// 1..N co-registered channels on one grid: all present channels and the label map share shape and place. Move-only.
struct Case {
  std::string id;  // unique in a store
  std::vector<Channel> channels;
  std::optional<Volume> label_map;        // unsigned integer classes, 0 = background
  std::map<std::string, double> scalars;  // "score", "class"
  std::vector<BoxTarget> boxes;
  std::string report;  // text, may be empty
  Groups groups;
  // What the source told of the acquisition, free of identity: "echo_time_ms": "4.6", "gantry_tilt_deg": "12.5".
  std::map<std::string, std::string> facts;
  // Codes of what was repaired or doubted on the way in (io/REASONS.md); the store does not keep them.
  std::vector<std::string> notes;

  // The first channel that is present. Throws Error when there is none.
  const Volume& reference() const;

  // Throws Error: no id, no image, a channel named twice, two grids, a label map that is not integral or lies
  // elsewhere.
  void check() const;
};

}  // namespace volume
