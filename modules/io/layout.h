#pragma once
// Cohorts where they lie: the layouts people keep images, labels and tables in are read in place. Adding a layout = one
// file in layouts/, one line in layout.cpp.
//
//   msd     dataset.json with "training" (imagesTr, labelsTr); cases.csv or participants.csv beside it may add columns
//   nnunet  dataset.json with "channel_names", imagesTr/ID_0000.nii.gz, labelsTr/ID.nii.gz
//   bids    sub-*/[ses-*/]anat/*.nii.gz, labels as *_dseg; participants.tsv
//   csv     a table: case, image [, image2 ... | image:NAME], label, patient, site, vendor, modality, report (text or a
//           .txt), class, score and any other column of numbers; paths are relative to the table; labels.csv (value,
//           name) beside it declares the classes; or a folder with such a cases.csv
//   dicom   a folder of DICOM files
//   flat    a folder (and its subfolders) of images, or one image
//
// Finding looks at names, tables and (bids) headers; voxels are read by load(). Nothing here changes the source.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/attachment.h"
#include "io/burned_look.h"
#include "io/deidentify_key.h"
#include "io/deidentify_links.h"
#include "io/join.h"
#include "io/reject.h"
#include "volume/case.h"

namespace io {

class FileIndex;
class Reading;

struct ChannelFile {
  std::string name;            // unique in the entry
  std::string modality;        // DICOM Modality, "OT" when unknown
  std::filesystem::path path;  // empty: this case lacks the channel
  // Which volume of a 4-D file it is, from 1, and how many the file must hold; 0: the file is one volume.
  std::int64_t volume = 0, volumes = 0;
};

// One case to be. A plain value that can be sent to another process (worker_message.h).
struct Entry {
  std::string id;  // unique in the cohort
  std::vector<ChannelFile> channels;
  std::optional<std::filesystem::path> label;
  volume::Groups groups;      // patient = the id unless a table or the layout says otherwise
  bool patient_told = false;  // by a table or the layout; set by find_cohort
  std::map<std::string, double> scalars;
  std::map<std::string, std::string> facts;  // sex, age_band, as of volume::Case
  std::vector<std::string> keys;             // hashed_keys() of a DICOM series (join.h)
  std::string report;                        // scrubbed (report_text.h)
  std::vector<std::string> notes;            // codes, as of volume::Case
  std::vector<std::filesystem::path> files;  // all that the case is made from; of a series see with_files() (source.h)
  std::vector<Attachment> attached;          // label objects and reports of a DICOM series
  bool is_series = false;  // `files` are one DICOM series, which gives images and groups instead of `channels`
  std::map<std::string, std::string> only;  // of that series the slices with these facts (DicomSeries); empty: all
  std::optional<Refusal> refused;  // why it cannot be read, where that was seen on finding it: what load() throws
};

struct Cohort {
  std::string layout;                      // its name
  std::filesystem::path root;              // the folder paths are told relative to
  std::vector<Entry> entries;              // in the order of their ids
  std::map<int, std::string> label_names;  // declared classes; empty when the layout declares none
  std::vector<std::string> notes;          // for the person: what was there and is not used
  DeidKey key = DeidKey::known_to_all();   // what names of DICOM images are made with
  BurnedIn burned_in = BurnedIn::kOff;     // whether load() looks for text in the pixels of DICOM images
  DeidLinks links;                         // what those names stand for: for the link table alone
  std::shared_ptr<FileIndex> index;        // of the files; nullptr where no layout or option made one

  // True when the names of some cases come from DICOM images and not from files or tables.
  bool names_are_keyed() const;
};

struct LayoutOptions {
  std::string layout = "auto";
  std::map<int, std::string> label_names;  // win over the layout's own when not empty
  int threads = 1;                         // for layouts that look into files
  std::optional<Join> join;                // a table to join
  Reading* reading = nullptr;              // who looks into them; nullptr: this process
  DeidKey key = DeidKey::known_to_all();   // that one for what is not kept
  std::shared_ptr<FileIndex> index;        // what is known of the files already
  std::map<int, std::string> numbered;     // classes of a store that is gone on with: dicom gives numbers to no others
};

struct Layout {
  const char* name;
  bool (*mine)(const std::filesystem::path&);
  Cohort (*find)(const std::filesystem::path&, const LayoutOptions&);
};

// In the order in which "auto" asks them.
std::span<const Layout* const> layouts();

// The layout of this name, or for "auto" the first whose own the path is. Throws usage Error for an unknown name,
// [EMPTY] where it is nobody's.
const Layout& layout_for(const std::filesystem::path& path, const std::string& name);

// Throws Error: usage for a missing path, an unknown layout, a malformed table or two cases of one name (naming both
// files); [EMPTY] where no image is.
Cohort find_cohort(const std::filesystem::path& path, const LayoutOptions& options = {});

// Reads the case and checks it: one grid for all (within 0.1 mm), labels whole numbers of the declared classes, kept as
// uint8 or uint16. Safe from many threads. Throws Error "case ID: ..." with a code (reject.h).
volume::Case load(const Entry& entry, const Cohort& cohort);

// "MR" for "T1w", "CT" for "ct", "OT" for what is no known name.
std::string modality_named(const std::string& channel);

// Columns of a table for this entry: patient, site, vendor, sex (F, M, O), age_band (40-49), report and numbers (all
// but `skip`). Text in other columns is named once in cohort.notes, and so are columns of identity (PatientID, MRN,
// BirthDate ...), which are not kept but looked for in the report. A report in which they may still be is left out:
// note REPORT_IDENTITY.
struct Table;
void fill_from_row(Entry& entry, Cohort& cohort, const Table& table, std::size_t row,
                   const std::vector<std::string>& skip);

}  // namespace io
