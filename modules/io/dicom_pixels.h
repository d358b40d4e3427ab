#pragma once
// The pixels of slices. Native ones and RLE are read by us; other compressed ones are decoded frame by frame, by DCMTK
// (JPEG, JPEG-LS) or OpenJPEG (JPEG 2000), after a walk of ours over the compressed bytes (PS3.5 8.2, annexes A and G).
// What a decoder might trust is proven first: the size told by the stream is the header's, every marker and segment
// lies within it. A decoder never sees more than one frame.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/error.h"
#include "io/dicom_header.h"

namespace io {

// Throws Error [CODEC] when the frame cannot be what the header promises.
void check_codestream(DicomCodec codec, std::span<const std::byte> frame, const PixelLayout& layout);

// [CODEC]: what is wrong with a compressed frame.
core::Error damaged_frame(const std::string& what);
void check_jpeg2000(std::span<const std::byte> frame, const PixelLayout& layout);

// Decodes a checked frame into `target`, layout.bytes() long, in this machine's byte order. Throws Error [CODEC].
void decode_frame(const TransferSyntax& syntax, std::span<const std::byte> frame, const PixelLayout& layout,
                  std::span<std::byte> target);
void decode_rle(std::span<const std::byte> frame, const PixelLayout& layout, std::span<std::byte> target);
void decode_jpeg2000(std::span<const std::byte> frame, const PixelLayout& layout, std::span<std::byte> target);

// Which fragments make frame number `frame` of `frames` (PS3.5 A.4): by the basic offset table, or one each. Throws
// Error [CODEC] where the table points elsewhere or nothing tells.
std::span<const DicomOutline::Fragment> fragments_of(DicomBytes& bytes, const DicomOutline& outline, int frames,
                                                     int frame);

// Reads slices of one file after the other; keeps that file open, and its picture when slices are tiles of it. Not
// shared between threads.
class PixelReader {
 public:
  PixelReader();
  ~PixelReader();

  // Fills `target` (slice.pixels.bytes() long, in this machine's byte order) with the stored values: bits above the
  // highest stored are masked, signs extended. Throws Error [CODEC], [PIXEL_LENGTH] or [STRUCTURE].
  void read(const DicomHeader& slice, std::span<std::byte> target);

 private:
  struct Open;
  std::unique_ptr<Open> open_;
};

// Stored bits of each word as a value: shifted down to bit 0, masked, sign extended. In place.
void extract_bits(std::span<std::byte> words, const PixelLayout& layout);

}  // namespace io
