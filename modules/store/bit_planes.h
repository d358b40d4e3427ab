#pragma once
// The bits of voxels sorted by their place, so that a compressor meets the bits that hardly change one after another
// (K. Masui et al., Astronomy and Computing 12, 2015: "bitshuffle"). With vectors of the processor's (Google Highway);
// the result does not depend on which.
//
// Voxels of `width` bytes (1, 2, 4 or 8; little endian) come in eights. Plane p has an eighth of a byte a voxel: bit p
// of voxel i, counted from the lowest, is bit i % 8 of byte i / 8. Both spans have the same size. Pure.

#include <cstddef>
#include <span>

namespace store {

void to_bit_planes(std::span<const std::byte> voxels, std::size_t width, std::span<std::byte> planes);
void from_bit_planes(std::span<const std::byte> planes, std::size_t width, std::span<std::byte> voxels);

}  // namespace store
