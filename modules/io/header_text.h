#pragma once
// Text headers as NRRD and MetaImage have them: lines of "key separator value", bounded in length and number, so that
// what ITK's parsers are handed is what they were written for.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_source.h"
#include "volume/volume.h"

namespace io {

struct HeaderText {
  std::map<std::string, std::string> fields;  // values trimmed
  std::uint64_t size_bytes = 0;               // of the header: where attached data begin
  bool complete = false;                      // its end was seen

  const std::string* find(const std::string& key) const;
};

struct HeaderRule {
  std::string_view separator;       // ":" or "="
  std::string_view last_key;        // the header ends behind this key's line ("" = with an empty line or the file)
  std::string_view reason;          // code of what is thrown
  std::size_t longest_line = 4096;  // bytes
  bool any_case = true;             // keys are turned to lower case
};

// Throws Error [FILE_MISSING] or [rule.reason]: a line too long, binary bytes in it, no separator, a key twice, more
// than 1000 lines. Lines that begin with '#' and NRRD's "key:=value" pairs are passed over.
HeaderText read_header_text(const std::filesystem::path& path, const HeaderRule& rule);

std::vector<std::string> words(const std::string& text);
// Whole numbers parted by blanks; throws Error [reason] on anything else.
std::vector<std::int64_t> whole_numbers(const std::string& text, std::string_view reason);
std::vector<double> real_numbers(const std::string& text, std::string_view reason);

// The file a detached header names: a plain name in the header's own folder. Throws Error [reason] for a list, a
// pattern or a path that leads elsewhere.
std::filesystem::path data_file(const std::filesystem::path& header, const std::string& name, std::string_view reason);

// Where the voxels of a checked header are.
struct VoxelPlace {
  std::filesystem::path path;
  Packing packing = Packing::kPlain;
  std::uint64_t begin = 0, length = UINT64_MAX;  // bytes of the file
  bool swapped = false;                          // the other byte order
};

// Throws Error [TRUNCATED], [CHECKSUM], [LENGTH] or [FILE_MISSING]. The geometry is left to the caller.
volume::Volume read_voxels(const VoxelPlace& place, const volume::Shape& shape, volume::VoxelType type);

}  // namespace io
