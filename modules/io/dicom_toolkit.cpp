#include "io/dicom_toolkit.h"

#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <mutex>

#include "core/error.h"
#include "core/hash.h"

namespace io {

void prepare_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    if (!dcmDataDict.isDictionaryLoaded())
      throw core::Error("DCMTK's data dictionary dicom.dic is not found",
                        "install the package of DCMTK's library (Debian: libdcmtk17), or set DCMDICTPATH");
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
  });
}

std::string uid_of_digest(std::array<std::uint8_t, 32> digest) {
  digest[6] = static_cast<std::uint8_t>((digest[6] & 0x0F) | 0x80);
  digest[8] = static_cast<std::uint8_t>((digest[8] & 0x3F) | 0x80);
  std::string digits;
  for (bool any = true; any;) {  // long division of the first 16 bytes by ten
    unsigned rest = 0;
    any = false;
    for (std::size_t i = 0; i < 16; ++i) {
      const unsigned part = rest * 256 + digest[i];
      digest[i] = static_cast<std::uint8_t>(part / 10);
      rest = part % 10;
      any = any || digest[i] != 0;
    }
    digits.insert(digits.begin(), static_cast<char>('0' + rest));
  }
  return "2.25." + digits;
}

std::string uid_from(std::string_view key) {
  core::Sha256 hash;
  hash.update("gadolin UID\n");
  hash.update(key);
  return uid_of_digest(hash.digest());
}

}  // namespace io
