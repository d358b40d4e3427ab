#pragma once
// What the header of one instance tells of its slices, proven: numbers are numbers, lengths fit, units are millimetres.
// Values are read without a locale and without repair. Only pseudonyms leave
// these types, but for the links of DicomIdentity.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/attachment.h"
#include "io/deidentify_key.h"
#include "io/deidentify_links.h"
#include "io/dicom_outline.h"
#include "io/dicom_pet.h"
#include "volume/volume.h"

namespace io {

// How the 2-D pixels of an instance become voxels (PS3.3 C.7.6.3, PS3.5 8).
struct PixelLayout {
  int rows = 0, columns = 0;
  int bits_allocated = 16, bits_stored = 16, high_bit = 15;
  bool is_signed = false;
  bool operator==(const PixelLayout&) const = default;

  volume::VoxelType type() const;
  std::uint64_t bytes() const;  // of a frame
};

// Slices side by side in one picture; see dicom_mosaic.h.
struct Mosaic {
  int count = 0;                   // slices
  std::array<double, 3> normal{};  // direction of growing slice number
  PixelLayout picture;             // of all tiles together
  int tile = 0;                    // number of this slice
};

// Which series and whose: enough to group files. Cheap.
struct DicomIdentity {
  std::string series;   // pseudonym
  std::string patient;  // pseudonym
  std::string modality, site, vendor;
  std::vector<std::string> keys;  // hashed_keys() (join.h)
  bool image = false;             // has pixels that make a picture; reports and segmentations have not
  bool many = false;              // holds several slices: frames or a mosaic
  std::uint64_t place = 0;  // a number for position and orientation, the same for slices at one place; 0 = not told
  DeidLink patient_link, site_link;  // what the pseudonyms stand for: for the link table alone
  AttachedLook attached;             // of a segmentation, a structure set or a report
};

// One slice: a file, a frame of one, or a tile of one.
struct DicomHeader {
  std::filesystem::path path;
  DicomIdentity who;
  std::shared_ptr<const DicomOutline> outline;
  std::string instance, frame_of_reference;  // pseudonyms
  PixelLayout pixels;                        // of the slice
  int frames = 1, frame = 0;                 // in the file, and which of them
  std::array<double, 3> position_mm{};
  std::array<double, 3> row{}, column{};   // unit vectors towards growing column and row index
  std::array<double, 2> spacing_mm{};      // between rows, between columns
  std::optional<double> slice_spacing_mm;  // (0018,0088)
  double slope = 1, intercept = 0;
  bool localizer = false;
  const char* text_kind = nullptr;  // "a secondary capture": kinds that mostly have text in them (burned_rules.h)
  std::optional<Mosaic> mosaic;
  std::optional<PetHeader> pet;              // of a PET image
  std::optional<std::int64_t> number;        // InstanceNumber
  std::int64_t promised = 0;                 // images in the acquisition (0020,1002); 0 = not told
  std::map<std::string, std::string> facts;  // of the acquisition; see dicom_facts.h
  std::vector<std::string> notes;            // codes
};

// Names are made with the key. Throws Error with a code.
DicomIdentity read_identity(const std::filesystem::path& path, const DeidKey& key = DeidKey::known_to_all());
// All slices of a file. Throws Error with a code.
std::vector<DicomHeader> read_slices(const std::filesystem::path& path, const DeidKey& key = DeidKey::known_to_all());

// A decimal string as numbers; nothing where one is none (a comma, NaN, letters, too large).
std::optional<std::vector<double>> decimal_numbers(const std::string& text);

// "GE" for "GE MEDICAL SYSTEMS"; a plain word for a vendor that is in no row of the table.
std::string vendor_named(const std::string& manufacturer);

}  // namespace io
