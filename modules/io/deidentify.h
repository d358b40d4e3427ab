#pragma once
// De-identification of DICOM objects in place (PS3.15 Annex E): the rows of Table E.1-1 under the chosen options, at
// every depth of sequences; UIDs become others, the same for the same over the whole archive; dates move by whole days,
// one number a patient; private attributes go, but for a list of safe ones where that was chosen; and what then still
// holds a word of the patient's or another person's name, an identifier or the birth date is replaced as well.
//
// PatientID and PatientName become the pseudonym. Attributes that neither the table nor the dictionary knows go. What
// was done is written as (0012,0062), (0012,0063), (0012,0064) and (0028,0303). Pixels stay as they are: text
// that is burned into them is looked for by require_no_text (burned_look.h), which callers ask first. Safe from many
// threads, one object each.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "io/deidentify_key.h"
#include "io/deidentify_links.h"
#include "io/deidentify_policy.h"

namespace io {

// Whose object this is and where it belongs, as pseudonyms.
struct DeidPlace {
  std::string patient, series, instance;
  DeidLink patient_link;  // for the link table alone
};

// Throws Error: [NOT_DICOM] and what else the walk before DCMTK refuses (dicom_outline.h), [BAD_UID] for an object
// without UIDs, [DEID_KIND] for one that cannot be de-identified: a DICOMDIR; a document or report, unless structured
// content is cleaned; [BURNED_IN_TEXT] for one that says itself that names are burned into its pixels.
DeidPlace deid_place(const std::filesystem::path& file, const DeidPolicy& policy, const DeidKey& key);

// Changes the data set, which deid_place() accepted. Returns how many values an echo was found in. Throws Error.
std::int64_t deidentify(DcmDataset& data, const DeidPolicy& policy, const DeidKey& key);

// The same from file to file, in the transfer syntax that it has; preamble and group 0002 are made anew. The file is
// whole or not there. Throws Error.
std::int64_t deidentify_file(const std::filesystem::path& from, const std::filesystem::path& to,
                             const DeidPolicy& policy, const DeidKey& key);

}  // namespace io
