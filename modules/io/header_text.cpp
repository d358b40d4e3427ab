#include "io/header_text.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "io/reject.h"

namespace io {
namespace {

constexpr std::size_t kMostLines = 1000;
constexpr const char* kDamaged = "the header is damaged; export the image again";

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// One line without its end; false at the end of the file. A last line without an end counts as none.
bool next_line(std::istream& file, std::string& line, const HeaderRule& rule) {
  line.clear();
  for (int c; (c = file.get()) != std::istream::traits_type::eof();) {
    if (c == '\n') return true;
    if (c == 0) throw reject(rule.reason, "the header holds binary bytes", kDamaged);
    line += static_cast<char>(c);
    if (line.size() > rule.longest_line) throw reject(rule.reason, "a line of the header has no end", kDamaged);
  }
  return false;
}

}  // namespace

const std::string* HeaderText::find(const std::string& key) const {
  const auto found = fields.find(key);
  return found == fields.end() ? nullptr : &found->second;
}

HeaderText read_header_text(const std::filesystem::path& path, const HeaderRule& rule) {
  std::ifstream file(path, std::ios::binary);
  if (!std::filesystem::is_regular_file(path) || !file)
    throw reject("FILE_MISSING", "the file is not there or cannot be opened", "check the path and the permissions");
  HeaderText header;
  std::string line;
  for (std::size_t lines = 0; next_line(file, line, rule); ++lines) {
    header.size_bytes += line.size() + 1;
    if (lines > kMostLines) throw reject(rule.reason, "the header has more than 1000 lines", kDamaged);
    const std::string text = trimmed(line);
    if (text.empty()) {
      header.complete = rule.last_key.empty();
      if (header.complete) return header;
      continue;
    }
    if (text.front() == '#' || (lines == 0 && text.starts_with("NRRD")) || text.find(":=") != std::string::npos)
      continue;
    const std::size_t cut = text.find(rule.separator);
    if (cut == std::string::npos || cut == 0) throw reject(rule.reason, "a line of the header is no field", kDamaged);
    const std::string given = trimmed(text.substr(0, cut)), key = rule.any_case ? lower(given) : given;
    if (!header.fields.emplace(key, trimmed(text.substr(cut + rule.separator.size()))).second)
      throw reject(rule.reason, "the header has the field '" + key + "' twice", kDamaged);
    if (key == rule.last_key) {
      header.complete = true;
      return header;
    }
  }
  return header;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

template <class T>
static std::vector<T> numbers(const std::string& text, std::string_view reason) {
  std::vector<T> result;
  for (const std::string& word : words(text)) {
    T value{};
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (failed != std::errc() || end != word.data() + word.size() || result.size() > 16)
      throw reject(reason, "the header has something else where numbers belong", kDamaged);
    result.push_back(value);
  }
  return result;
}

std::vector<std::int64_t> whole_numbers(const std::string& text, std::string_view reason) {
  return numbers<std::int64_t>(text, reason);
}

std::vector<double> real_numbers(const std::string& text, std::string_view reason) {
  return numbers<double>(text, reason);
}

std::filesystem::path data_file(const std::filesystem::path& header, const std::string& name, std::string_view reason) {
  const std::filesystem::path plain(name);
  if (name.empty() || name.size() > 200 || plain.filename() != plain || name == ".." || name == "." ||
      name.find_first_of("%\\") != std::string::npos || lower(name) == "list" || lower(name).starts_with("list ")) {
    throw reject(reason, "the voxels are not in one file beside the header",
                 "save the image as one file (.nrrd, .mha or .nii.gz)");
  }
  return header.parent_path() / plain;
}

volume::Volume read_voxels(const VoxelPlace& place, const volume::Shape& shape, volume::VoxelType type) {
  ByteSource source(place.path, place.packing, place.begin, place.length);
  source.promise(static_cast<std::uint64_t>(shape.voxels()) * volume::size_bytes(type), "TRUNCATED");
  volume::Volume image(shape, type, volume::Geometry{});
  source.read(image.bytes());
  source.finish();
  if (place.swapped) swap_bytes(image.bytes(), volume::size_bytes(type));
  return image;
}

}  // namespace io
