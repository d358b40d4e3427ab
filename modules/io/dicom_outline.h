#pragma once
// The skeleton of a DICOM file (PS3.10, PS3.5 7), walked before DCMTK sees a byte: every length lies within what holds
// it, sequences nest at most 64 deep (DCMTK's parser recurses and dies from about 5,700), packed data stay below a cap.
// The walk is iterative and reads only what lies between the values.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace io {

inline constexpr std::uint64_t kLargestDicomBytes = std::uint64_t{2} << 30;      // of a file
inline constexpr std::uint64_t kLargestInflatedBytes = std::uint64_t{64} << 20;  // of a deflated data set
inline constexpr int kDeepestNesting = 64;

enum class DicomCodec { kNone, kRle, kJpeg, kJpegLs, kJpeg2000, kUnknown };

struct TransferSyntax {
  std::string_view uid;
  DicomCodec codec;
  bool implicit, big_endian, deflated, lossy;
};

// nullptr for one that is not read here.
const TransferSyntax* transfer_syntax(std::string_view uid);

// Bytes of a file anywhere in it, through a window; or of the data set unpacked. Not shared between threads.
class DicomBytes {
 public:
  // Throws Error [FILE_MISSING] or [FILE_SIZE].
  explicit DicomBytes(const std::filesystem::path& path);
  ~DicomBytes();
  DicomBytes(const DicomBytes&) = delete;
  DicomBytes& operator=(const DicomBytes&) = delete;

  std::uint64_t size() const;
  // Fills `target` with what begins at `begin`. Throws Error [TRUNCATED].
  void read(std::uint64_t begin, std::span<std::byte> target);
  // From now on: the deflated data that begin there, unpacked. Throws Error [DECOMPRESSION_LIMIT] or [CODEC].
  void inflate_from(std::uint64_t begin);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct DicomOutline {
  const TransferSyntax* syntax = nullptr;
  bool has_pixels = false;
  std::uint64_t data_begin = 0;  // of the data set in the file
  // Where the file says how long its meta information is (0: it does not), and how long it is: DCMTK goes by what is
  // said, and takes the data set for a part of it where that is too much.
  std::uint64_t meta_length_at = 0;
  std::uint32_t meta_length = 0;
  std::uint64_t header_end = 0;   // where PixelData begin, or the data set ends, in what DicomBytes reads
  std::uint64_t pixel_begin = 0;  // of native PixelData in what DicomBytes reads
  std::uint64_t pixel_bytes = 0;  // of native PixelData
  bool pixel_words = false;       // native PixelData are words of 16 bits (OW), else bytes
  struct Fragment {
    std::uint64_t begin = 0, length = 0;
  };
  std::vector<Fragment> fragments;  // of encapsulated PixelData; the first is the basic offset table
};

// True for the magic of PS3.10 behind the preamble.
bool has_dicom_magic(const std::filesystem::path& path);

// Walks the file; only up to its PixelData, and of any compression, when `headers_only`. Throws Error [NOT_DICOM],
// [NO_META], [TRANSFER_SYNTAX], [TRUNCATED], [LENGTH_OVERFLOW], [NESTING_LIMIT], [STRUCTURE], [BAD_VR] and what
// DicomBytes throws.
DicomOutline outline_of(DicomBytes& bytes, bool headers_only = false);

}  // namespace io
