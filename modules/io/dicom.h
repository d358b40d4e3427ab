#pragma once
// DICOM series of classic single-frame images (PS3.3 A.3 CT, A.4 MR and their like) and of enhanced multi-frame ones
// (A.36, A.38, A.56): found, read and written.
//
// A volume has the axes {slice, row, column} and LPS millimetres; the slices are ordered along the normal of the image
// plane (row direction x column direction), never by InstanceNumber. Stored values keep their width; slope and
// intercept become Volume::scale and offset, or are applied (float32) where slices differ in them.
//
// Whatever would have to be guessed is refused with a code (reject.h; REASONS.md has them all). Every file passes a
// check of ours (dicom_outline.h) before DCMTK sees it. No text of a patient, no UID and no date ever comes into an
// Error, a note or a result: names are pseudonyms, "p" or "s" and 16 digits made with a key (deidentify_key.h). The
// links of a scan alone hold what the pseudonyms stand for.
//
// Safe from many threads.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/attached_join.h"
#include "io/burned_look.h"
#include "io/deidentify_key.h"
#include "io/deidentify_links.h"
#include "io/file_walk.h"
#include "io/reject.h"
#include "volume/case.h"

namespace io {

class FileIndex;
class Reading;

// All files of one SeriesInstanceUID; whether they make a volume, read_dicom tells. A plain value.
struct DicomSeries {
  std::string id;                            // pseudonym of the SeriesInstanceUID
  std::string patient;                       // pseudonym of the PatientID of the first file
  std::string modality;                      // DICOM Modality
  std::string site;                          // pseudonym of the institution; empty when not told
  std::string vendor;                        // "GE", "Philips", "Siemens" ... or a plain word; empty when not told
  std::vector<std::string> keys;             // of the first file (join.h)
  std::vector<std::filesystem::path> files;  // in the order of their names
  bool several = false;  // may hold several volumes: two slices lie at one place, or a file holds many
  std::map<std::string, std::string> only;   // of the slices in the files those with these facts; empty: all
  std::map<std::string, std::string> facts;  // told with the volume besides those of its slices
};

// A file that calls itself DICOM and cannot be put into a series. (One that lies in a folder with images of one series
// only is put there: reading the series then fails, rather than going on without a slice.)
struct DicomDamage {
  std::filesystem::path file;
  Refusal why;
};

struct DicomScan {
  std::vector<DicomSeries> series;      // in the order of their first files; without their files, which `index` has
  std::vector<DicomDamage> damaged;     // in the order of the files
  std::vector<DicomAttached> attached;  // label objects and reports, in the order of the files
  std::int64_t others = 0;              // files that are none of these: texts, DICOMDIR, plans
  WalkCounts walked;                    // what the folder held besides files
  DeidLinks links;                      // of the patients and sites: for the link table alone
  std::shared_ptr<FileIndex> index;     // of all files
};

struct ScanOptions {
  int threads = 1;
  Reading* reading = nullptr;             // nullptr: in this process
  DeidKey key = DeidKey::known_to_all();  // that names are made with
  std::shared_ptr<FileIndex> index;       // goes on with it; nullptr: one of this scan
};
// Looks at the header of every file below `folder` (or at one file), but for those the index knows. Memory grows with
// the number of series, not with that of files. Throws nothing for bad files.
DicomScan scan_dicom(const std::filesystem::path& folder, const ScanOptions& options = {});
// With their files; for a folder known to be small.
std::vector<DicomSeries> whole_series(const DicomScan& scan);
// True when one of the first files of the folder, or the file, has the DICOM magic (PS3.10 7.1).
bool looks_like_dicom(const std::filesystem::path& path);

// The series itself, or one for each of its volumes (times, echoes, b-values) where it holds several: ids end in "-1",
// "-2" ..., in the order of what differs. Reads the headers of what may hold several; throws nothing for bad files.
std::vector<DicomSeries> volumes_of(const DicomSeries& series);

struct DicomVolume {
  volume::Volume image;
  std::string modality;
  volume::Groups groups;                     // pseudonyms, as in DicomSeries
  std::map<std::string, std::string> facts;  // of the acquisition, where all slices tell the same (volume::Case)
  std::vector<std::string> notes;     // codes of what was repaired or doubted: COUNT_MISMATCH, RESCALE_MISSING ...
  std::string frame_of_reference;     // pseudonym
  std::set<std::string> instances{};  // pseudonyms of its files' SOPInstanceUIDs
};

// Throws Error with a code, [MULTI_VOLUME] for several volumes; [BURNED_IN_TEXT] where pixels are looked at and text is
// found in them as they are stored, or usual for their kind. `files` are all of one series, in any order.
DicomVolume read_dicom(const DicomSeries& series, const DeidKey& key = DeidKey::known_to_all(),
                       BurnedIn burned_in = BurnedIn::kOff);
DicomVolume read_dicom(std::span<const std::filesystem::path> files, const DeidKey& key = DeidKey::known_to_all());
// The one series in a folder (and below), or one file. Throws Error [SEVERAL_SERIES], or [EMPTY] for none.
DicomVolume read_dicom_folder(const std::filesystem::path& folder, const DeidKey& key = DeidKey::known_to_all(),
                              BurnedIn burned_in = BurnedIn::kOff);

// What a written series tells besides its volume.
struct DicomTags {
  std::string key;              // all UIDs derive from it: same key, same UIDs; one key a series
  std::string patient;          // made up: PatientID and PatientName
  std::string modality = "MR";  // "CT": CT Image Storage, anything else MR Image Storage
  std::string study;            // series of one study (and frame of reference) share it; empty = the key
  std::string vendor = "gadolin", site, description;
};

// Writes slice0000.dcm ... into `folder` (made when it is not there): explicit little endian, 16 bits. Integers that
// fit into 16 bits are kept with scale and offset; all else is scaled to 65,535 steps between its extremes. Returns the
// files. Throws Error.
std::vector<std::filesystem::path> write_dicom(const std::filesystem::path& folder, const volume::Volume& volume,
                                               const DicomTags& tags);

}  // namespace io
