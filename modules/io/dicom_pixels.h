#pragma once
// The pixels of one instance: decoded by DCMTK, after a walk of ours over the compressed bytes (PS3.5 8.2, annexes A
// and G). What a decoder might trust is proven first: the size told by the stream is the header's, every marker and
// segment lies within it.

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/dicom_header.h"

namespace io {

// Throws Error [CODEC] when the frame cannot be what the header promises.
void check_codestream(DicomCodec codec, std::span<const std::byte> frame, const PixelLayout& layout);

// Fills `target` (layout.bytes() long, in this machine's byte order) with the stored values: bits above the highest
// stored are masked, signs extended. Throws Error [CODEC], [PIXEL_LENGTH] or [STRUCTURE].
void read_pixels(const DicomHeader& header, std::span<std::byte> target);

// Stored bits of each word as a value: shifted down to bit 0, masked, sign extended. In place.
void extract_bits(std::span<std::byte> words, const PixelLayout& layout);

}  // namespace io
