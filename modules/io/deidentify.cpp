#include "io/deidentify.h"

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcuid.h>

#include "core/files.h"
#include "io/deidentify_echo.h"
#include "io/deidentify_values.h"
#include "io/deidentify_walk.h"
#include "io/dicom_attributes.h"
#include "io/dicom_outline.h"
#include "io/dicom_toolkit.h"
#include "io/reject.h"

namespace io {
namespace {

// What holds text that no rule can clean, or lists of names.
void require_kind(DcmDataset& data, const DeidPolicy& policy) {
  const std::string kind = Attributes(&data).text(DCM_SOPClassUID);
  const auto is = [&](std::string_view begin) { return kind.starts_with(begin); };
  const char* hint = "leave it out: it holds what people wrote";
  if (is("1.2.840.10008.5.1.4.1.1.104.")) throw reject("DEID_KIND", "the object is a document", hint);
  if (is("1.2.840.10008.5.1.4.1.1.88.") && !policy.has(DeidOption::kStructuredContent))
    throw reject("DEID_KIND", "the object is a report", "--deid basic,...,clean-structured-content keeps its codes");
  if (data.tagExists(DCM_DirectoryRecordSequence))
    throw reject("DEID_KIND", "the file is a DICOMDIR", "make a new one for the new files");
  if (Attributes(&data).text(DCM_BurnedInAnnotation) == "YES")
    throw reject("BURNED_IN_TEXT", "the object says that names are burned into its pixels",
                 "blacken them, and set (0028,0301) to NO");
}

void write_marks(DcmDataset& data, const DeidPolicy& policy) {
  std::string method = "gadolin " GADOLIN_VERSION;
  for (const char c : "," + policy.text()) method += c == ',' ? '\\' : c;
  data.putAndInsertString(DCM_PatientIdentityRemoved, "YES");
  data.putAndInsertString(DCM_DeidentificationMethod, method.c_str());
  data.findAndDeleteElement(DCM_DeidentificationMethodCodeSequence);
  for (const DeidPolicy::Code& code : policy.codes()) {
    DcmItem* item = nullptr;
    if (data.findOrCreateSequenceItem(DCM_DeidentificationMethodCodeSequence, item, -2).bad()) continue;
    item->putAndInsertString(DCM_CodeValue, code.value.c_str());
    item->putAndInsertString(DCM_CodingSchemeDesignator, "DCM");
    item->putAndInsertString(DCM_CodeMeaning, code.meaning.c_str());
  }
  const char* dates = policy.has(DeidOption::kModifiedDates) ? "MODIFIED"
                      : policy.has(DeidOption::kFullDates)   ? "UNMODIFIED"
                                                             : "REMOVED";
  data.putAndInsertString(DCM_LongitudinalTemporalInformationModified, dates);
}

bool may_echo(DcmElement& element, int depth) {
  const DcmTagKey tag = element.getTag().getXTag();
  if (depth == 0 && (tag == DCM_PatientID || tag == DCM_PatientName)) return false;
  switch (element.getVR()) {
    case EVR_AE:
    case EVR_CS:
    case EVR_LO:
    case EVR_LT:
    case EVR_PN:
    case EVR_SH:
    case EVR_ST:
    case EVR_UC:
    case EVR_UN:
    case EVR_UR:
    case EVR_UT:
      return tag != DCM_Modality && tag != DCM_SpecificCharacterSet && tag != DCM_PhotometricInterpretation;
    default:
      return false;
  }
}

}  // namespace

DeidPlace deid_place(const std::filesystem::path& file, const DeidPolicy& policy, const DeidKey& key) {
  prepare_dcmtk();
  DicomBytes bytes(file);
  outline_of(bytes, true);
  DcmFileFormat format;
  if (format
          .loadFileUntilTag(OFFilename(file.c_str()), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect,
                            DCM_PixelData)
          .bad())
    throw reject("STRUCTURE", "DCMTK cannot parse the header", "export the object again");
  DcmDataset& data = *format.getDataset();
  require_kind(data, policy);
  DeidPlace place;
  place.patient_link = patient_link(Attributes(&data));
  place.patient = key.pseudonym('p', place.patient_link.text());
  const std::string series = Attributes(&data).text(DCM_SeriesInstanceUID),
                    instance = Attributes(&data).text(DCM_SOPInstanceUID);
  if (series.empty() || instance.empty())
    throw reject("BAD_UID", "the UID of the series or of the instance is absent", "export the object again");
  place.series = key.pseudonym('s', series);
  place.instance = key.pseudonym('o', instance);
  return place;
}

std::int64_t deidentify(DcmDataset& data, const DeidPolicy& policy, const DeidKey& key) {
  const std::set<std::string> words = identifying_words(data);
  DeidWalk walk(policy, key, iod_family(Attributes(&data).text(DCM_SOPClassUID)),
                key.pseudonym('p', patient_link(Attributes(&data)).text()));
  walk.treat(data);
  std::int64_t echoes = 0;
  for_each_value(data, [&](DcmElement& element, int depth) {
    if (!may_echo(element, depth)) return;
    const std::string text = deid_text(element);
    if (!holds_word(text, words) && !like_a_name(text)) return;
    put_dummy(element);
    ++echoes;
  });
  write_marks(data, policy);
  return echoes;
}

std::int64_t deidentify_file(const std::filesystem::path& from, const std::filesystem::path& to,
                             const DeidPolicy& policy, const DeidKey& key) {
  prepare_dcmtk();
  DicomBytes bytes(from);
  outline_of(bytes, true);
  auto loaded = std::make_unique<DcmFileFormat>();
  if (loaded->loadFile(OFFilename(from.c_str())).bad())
    throw reject("STRUCTURE", "DCMTK cannot parse the file", "export the object again");
  std::unique_ptr<DcmDataset> data(loaded->getAndRemoveDataset());
  const E_TransferSyntax syntax = data->getOriginalXfer();
  const std::int64_t echoes = deidentify(*data, policy, key);
  DcmFileFormat fresh(data.release(), OFFalse);  // owns it; its preamble and group 0002 are new
  core::publish_file(to, [&](const std::filesystem::path& temporary) {
    const OFCondition done = fresh.saveFile(OFFilename(temporary.c_str()), syntax, EET_ExplicitLength, EGL_withoutGL,
                                            EPD_withoutPadding, 0, 0, EWM_createNewMeta);
    if (done.bad()) throw reject("STRUCTURE", "DCMTK cannot write the object", "export the object again");
  });
  return echoes;
}

}  // namespace io
