#pragma once
// What is known of every file of an archive, on the disk: what its header tells, and the SHA-256 of its bytes. So
// memory does not grow with the number of files, and a run that goes on opens no file again that is as it was (same
// name, size and time of change; a file changed within two seconds of being met is never taken for known).
//
// It holds file names and whose the images are: mode 0600, beside a store and never in it. It can be removed at any
// time: all of it is found again. Safe from many threads of one process; two processes must not share one.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dicom.h"
#include "io/file_walk.h"
#include "io/reading.h"

namespace io {

class FileIndex {
 public:
  // A file without a name in the folder for temporary files, gone with the object.
  FileIndex();
  // Goes on with the file, or makes it. One that is damaged is made anew. Throws Error when it cannot be written.
  explicit FileIndex(const std::filesystem::path& file);
  ~FileIndex();
  FileIndex(const FileIndex&) = delete;
  FileIndex& operator=(const FileIndex&) = delete;

  // A walk through an archive: begin, then meet() each file and add() those that were not known, then end. The
  // questions below are about the files that the last walk met. What was seen under another key, or by another build,
  // is forgotten.
  void begin_walk(const DeidKey& key);
  bool meet(const WalkedFile& file);  // true when it is known as it is
  void add(std::span<const WalkedFile> files, std::span<const FileLook> looks);
  // A damaged file in a folder with images of one series is given to that series, which cannot be read then.
  void end_walk();

  // In the order of their first files (folder, then name); without their files.
  std::vector<DicomSeries> series() const;
  std::vector<DicomDamage> damaged() const;     // in their order; what was given to a series is not here
  std::vector<DicomAttached> attached() const;  // label objects and reports, in their order
  std::int64_t others() const;                  // files that are none of these
  DeidLinks links() const;                      // of all patients and sites

  // Of a series or of a volume that was kept, in their order.
  std::vector<std::filesystem::path> files_of(const std::string& id) const;
  std::filesystem::path first_file_of(const std::string& id) const;
  // `volume` is made from these files of its series. Until the next walk.
  void keep_volume(const std::string& volume, std::span<const std::filesystem::path> files);

  // As core::sha256_file_hex, of a file that need not be of the walk. Throws Error [FILE_MISSING], [CHANGED] when it
  // changes meanwhile.
  std::string sha256_hex(const std::filesystem::path& file);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace io
