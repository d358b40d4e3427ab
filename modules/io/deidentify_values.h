#pragma once
// Single values made free of identity: dates moved, UIDs exchanged, dummies. Below deidentify.h.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcelem.h>

#include <string>

#include "io/deidentify_key.h"

namespace io {

// The value as it stands, backslashes between several; of binary values "", but the bytes of unknown ones (UN).
std::string deid_text(DcmElement& element);
void put_deid_text(DcmElement& element, const std::string& value);

// Each date moved (DA, DT), each time of day checked (TM); "" when one of them is none: it may be a name.
std::string shifted_values(const std::string& values, DcmEVR vr, int days);
// Each UID another; those of the standard (1.2.840.10008...) stay.
std::string exchanged_uids(const std::string& values, const DeidKey& key);
// A value that the VR permits and that tells nothing.
void put_dummy(DcmElement& element);

}  // namespace io
