#pragma once
// An input of fuzz_dicom_series as six files. Records of: file (1 byte, 0 to 5, or 6 for all), element (1 byte: its
// number in a written file, counted around; 254 takes the file away, 255 leaves the rest of the input out), length (1
// byte, counted around at 96), and as many bytes that become the element's value, or none, which takes the element out.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/dicom.h"
#include "memory_file.h"

class SeriesInput {
 public:
  static constexpr std::size_t kFiles = 6;

  struct Element {
    std::string tag;  // four bytes, as in the file
    std::string vr;
    std::string value;
  };

  // Of write_dicom(), whose elements are no sequences and in explicit little endian.
  explicit SeriesInput(const std::filesystem::path& folder) {
    volume::Volume image({kFiles, 3, 4}, volume::VoxelType::kInt16, {});
    image.geometry.spacing_mm = {2.5, 0.75, 0.75};
    for (std::size_t i = 0; i < image.bytes().size(); ++i) image.bytes()[i] = static_cast<std::byte>(i % 7);
    for (const auto& path : io::write_dicom(folder, image, {.key = "k", .patient = "p", .modality = "MR"}))
      files_.push_back(parted(read(path)));
  }

  // Element `tag`, e.g. 0x00200032, as records name it.
  std::uint8_t number_of(std::uint32_t tag) const {
    const char wanted[] = {static_cast<char>(tag >> 16 & 0xFF), static_cast<char>(tag >> 24),
                           static_cast<char>(tag & 0xFF), static_cast<char>(tag >> 8 & 0xFF)};
    for (std::size_t i = 0; i < files_[0].elements.size(); ++i) {
      if (files_[0].elements[i].tag == std::string(wanted, 4)) return static_cast<std::uint8_t>(i);
    }
    return 0;
  }

  // The files; an empty one is not there.
  std::vector<std::string> files_of(std::span<const std::uint8_t> input) const {
    std::vector<File> files = files_;
    for (std::size_t at = 0; at + 3 <= input.size();) {
      const std::size_t which = input[at] % (kFiles + 1), element = input[at + 1];
      const std::size_t length = std::min<std::size_t>(input[at + 2] % 96, input.size() - at - 3);
      const std::string value(reinterpret_cast<const char*>(input.data()) + at + 3, length);
      at += 3 + length;
      if (element == 255) break;
      for (std::size_t i = 0; i < kFiles; ++i) {
        if (which == i || which == kFiles) change(files[i], element, value);
      }
    }
    std::vector<std::string> all;
    for (const File& file : files) all.push_back(whole(file));
    return all;
  }

 private:
  struct File {
    std::string meta;
    std::vector<Element> elements;
  };

  static std::string read(const std::filesystem::path& path) {
    std::string bytes(std::filesystem::file_size(path), '\0');
    FILE* const file = std::fopen(path.c_str(), "rb");
    if (file == nullptr || std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) std::abort();
    std::fclose(file);
    return bytes;
  }

  static std::size_t number(const std::string& bytes, std::size_t at, std::size_t width) {
    std::size_t value = 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  }

  static bool is_long(const std::string& vr) { return vr == "OW" || vr == "OB" || vr == "UN" || vr == "SQ"; }

  static File parted(const std::string& bytes) {
    const std::size_t begin = 132 + 12 + number(bytes, 140, 4);
    File file{bytes.substr(0, begin), {}};
    for (std::size_t at = begin; at + 8 <= bytes.size();) {
      Element one{bytes.substr(at, 4), bytes.substr(at + 4, 2), ""};
      const std::size_t head = is_long(one.vr) ? 12 : 8;
      one.value = bytes.substr(at + head, is_long(one.vr) ? number(bytes, at + 8, 4) : number(bytes, at + 6, 2));
      at += head + one.value.size();
      file.elements.push_back(std::move(one));
    }
    return file;
  }

  static void change(File& file, std::size_t element, const std::string& value) {
    if (element == 254) file.meta.clear();
    if (element >= 254 || file.elements.empty()) return;
    element %= file.elements.size();
    if (value.empty())
      file.elements.erase(file.elements.begin() + static_cast<std::ptrdiff_t>(element));
    else
      file.elements[element].value = value.size() % 2 == 0 ? value : value + " ";
  }

  static std::string whole(const File& file) {
    if (file.meta.empty()) return "";
    std::string bytes = file.meta;
    for (const Element& one : file.elements) {
      bytes += one.tag + one.vr;
      if (is_long(one.vr)) bytes += std::string(2, '\0');
      for (std::size_t i = 0; i < (is_long(one.vr) ? 4 : 2); ++i)
        bytes += static_cast<char>(one.value.size() >> 8 * i & 0xFF);
      bytes += one.value;
    }
    return bytes;
  }

  std::vector<File> files_;
};
