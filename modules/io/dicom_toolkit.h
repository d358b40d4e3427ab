#pragma once
// DCMTK made ready, once: no word of it reaches a terminal or a log (its messages may hold a patient's data), and the
// decoders of JPEG, JPEG-LS and RLE are registered. Safe from many threads.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcfilefo.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace io {

// Call before any other use of DCMTK. Throws Error when its data dictionary is not there.
void prepare_dcmtk();

// "2.25." and the first 16 bytes as a UUID of version 8 (RFC 9562), decimal (PS3.5 B.2): at most 44 characters.
std::string uid_of_digest(std::array<std::uint8_t, 32> digest);
// A UID that is always the same for the same key.
std::string uid_from(std::string_view key);

}  // namespace io
