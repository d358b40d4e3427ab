#pragma once
// DCMTK made ready, once: no word of it reaches a terminal or a log (its messages may hold a patient's data), and the
// decoders of JPEG, JPEG-LS and RLE are registered. Safe from many threads.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcfilefo.h>

#include <string>
#include <string_view>

namespace io {

// Call before any other use of DCMTK. Throws Error when its data dictionary is not there.
void prepare_dcmtk();

// "2.25." and a number that is always the same for the same key (PS3.5 B.2).
std::string uid_from(std::string_view key);
// A letter and 16 digits that stand for the text; different texts of different kinds never share one.
std::string pseudonym(char kind, std::string_view text);

}  // namespace io
