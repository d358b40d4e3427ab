#include "io/reasons.h"

#include <algorithm>

namespace io {
namespace {

using Kind = Reason::Kind;

// Sorted by kind and code; one row each, so that rows can be added side by side.
constexpr Reason kReasons[] = {
    {Kind::kRefused, "BAD_NUMBER",
     "DICOM: a decimal attribute is no number (a comma, NaN, a word, too few values), or the rescale slope is 0",
     "export the series again; tell the archive's vendor when all of them are like this"},
    {Kind::kRefused, "BAD_ORIENTATION", "DICOM: row and column directions are not orthonormal within 0.002",
     "export the series again from the scanner, not from a viewer"},
    {Kind::kRefused, "BAD_SPACING", "DICOM: the pixel spacing is not positive",
     "export the series again from the scanner, not from a viewer"},
    {Kind::kRefused, "BAD_UID",
     "DICOM: the UID of the series, the instance or the frame of reference is absent or is none",
     "export again; a tool that writes UIDs of its own must write valid ones"},
    {Kind::kRefused, "BAD_VR", "DICOM: an attribute has a value representation that it cannot have",
     "export again without the tool that rewrote the header"},
    {Kind::kRefused, "BURNED_IN_TEXT", "DICOM: the object says that names are burned into its pixels",
     "blacken them, and set (0028,0301) to NO"},
    {Kind::kRefused, "CHANGED", "a file changed while it was read",
     "run the same command again when it is there as a whole"},
    {Kind::kRefused, "CHECKSUM", "packed data do not unpack, or their checksum differs",
     "the file was damaged on its way: copy it again and compare sizes"},
    {Kind::kRefused, "CODEC", "DICOM: a compressed image is damaged, or is not what the header promises",
     "fetch the series again, uncompressed where the archive offers it"},
    {Kind::kRefused, "DECOMPRESSION_LIMIT", "DICOM: a deflated data set unpacks to more than 64 MiB",
     "no scanner writes such a header; look where the file comes from"},
    {Kind::kRefused, "DEID_KIND", "DICOM: a document, a report or a DICOMDIR, which no rule makes free of identity",
     "leave it out; clean-structured-content keeps the codes of a report"},
    {Kind::kRefused, "DUPLICATE_POSITION", "DICOM: some places hold several slices",
     "several scans were mixed: export them apart"},
    {Kind::kRefused, "DUPLICATE_UID", "DICOM: two files are one instance with different content",
     "keep the original, remove the altered copy"},
    {Kind::kRefused, "EMPTY", "nothing to read is there", "check the path, and --layout"},
    {Kind::kRefused, "FILE_MISSING", "a file is not there or cannot be opened",
     "check paths in the table and the permissions of the file"},
    {Kind::kRefused, "FILE_SIZE", "DICOM: a file of more than 2 GiB", "export it as several files"},
    {Kind::kRefused, "FRAME_OF_REFERENCE", "DICOM: two frames of reference in one series",
     "the patient may have moved between them: export them apart"},
    {Kind::kRefused, "GEOMETRY_MISSING", "DICOM: position, orientation or pixel spacing is absent",
     "take the original series; secondary captures have no geometry"},
    {Kind::kRefused, "GRID_MISMATCH", "channels or label map have another shape, or lie more than 0.1 mm elsewhere",
     "check that they belong together, or resample one to the other's grid"},
    {Kind::kRefused, "IMAGE_PIXEL", "DICOM: rows, bits, samples, sign or number of frames make no image",
     "export the series again"},
    {Kind::kRefused, "IRREGULAR_SPACING", "DICOM: distances of slices differ by more than 1 %",
     "look for missing slices, or export the parts apart"},
    {Kind::kRefused, "ITK", "ITK does not accept the header, or reads it otherwise",
     "write the file again with a current tool"},
    {Kind::kRefused, "LABEL_VALUE", "a label map holds a fraction, a negative number or an undeclared class",
     "declare every class (dataset.json, --labels) or correct the label map"},
    {Kind::kRefused, "LENGTH", "more packed data follow than the header promises",
     "write the file again; its header and its data disagree"},
    {Kind::kRefused, "LENGTH_OVERFLOW", "DICOM: an element is longer than what holds it",
     "the file is damaged: fetch it again"},
    {Kind::kRefused, "LOCALIZER", "DICOM: a scout series", "nothing: scouts are no volumes"},
    {Kind::kRefused, "MATRIX_MISMATCH", "DICOM: slices differ in rows or columns",
     "several scans were mixed: export them apart"},
    {Kind::kRefused, "MEMORY", "the case does not fit into memory", "fewer --workers need less at once"},
    {Kind::kRefused, "MHA_4D", "MetaImage: more than three dimensions", "split it into volumes"},
    {Kind::kRefused, "MHA_DIM", "MetaImage: sizes that make no grid", "write the file again"},
    {Kind::kRefused, "MHA_HEADER", "MetaImage: a damaged header", "write the file again"},
    {Kind::kRefused, "MHA_TYPE", "MetaImage: a voxel type that is not read",
     "convert it to a scalar type of at most 64 bits"},
    {Kind::kRefused, "MISSING_SLICE", "DICOM: a gap is a whole multiple of the others",
     "fetch the series again: a slice did not arrive"},
    {Kind::kRefused, "MIXED_ORIENTATION", "DICOM: slices are turned against each other",
     "export each orientation as a series of its own"},
    {Kind::kRefused, "MODALITY_LUT", "DICOM: values go through a look-up table",
     "export the series with rescale slope and intercept"},
    {Kind::kRefused, "MOSAIC",
     "DICOM: a Siemens mosaic without its private header, or with one that contradicts the image",
     "export the original; private attributes must be kept on the way"},
    {Kind::kRefused, "MULTI_FRAME", "DICOM: a multi-frame object that does not say where each frame lies",
     "export the original, or classic single-frame objects"},
    {Kind::kRefused, "MULTI_VOLUME",
     "DICOM: several slices at every place, and nothing tells to which volume (time, echo, b-value) each belongs; or "
     "several volumes where one is asked for",
     "ingest the folder, which makes a case of each; else split the series by time, echo or b-value"},
    {Kind::kRefused, "NESTING_LIMIT", "DICOM: sequences nest more than 64 deep",
     "no scanner writes such a file; look where it comes from"},
    {Kind::kRefused, "NIFTI_4D", "NIfTI: more than three dimensions", "split it into volumes"},
    {Kind::kRefused, "NIFTI_AFFINE", "NIfTI: sform or qform place no grid",
     "convert it again from the source; do not repair it by hand"},
    {Kind::kRefused, "NIFTI_DIM", "NIfTI: sizes that make no grid", "write the file again"},
    {Kind::kRefused, "NIFTI_DTYPE", "NIfTI: a voxel type that is not read", "convert it to an integer or float type"},
    {Kind::kRefused, "NIFTI_OFFSET", "NIfTI: voxels that begin within the header or outside of the file",
     "write the file again"},
    {Kind::kRefused, "NIFTI_SCALE", "NIfTI: slope or intercept is no number",
     "write the file again with a sound slope"},
    {Kind::kRefused, "NIFTI_SPACING", "NIfTI: spacing that is not positive", "convert it again from the source"},
    {Kind::kRefused, "NONFINITE", "voxels are NaN or infinite", "replace them in the tool that made the file"},
    {Kind::kRefused, "NOT_AN_IMAGE", "no format knows the file, or a DICOM object holds no picture",
     "nothing when it is a text or a report; else check the file's name"},
    {Kind::kRefused, "NOT_DICOM", "a file called .dcm or .ima has no DICOM magic",
     "look what the file is, or rename it"},
    {Kind::kRefused, "NOT_GRAYSCALE", "colour", "choose the series of the scanner's own images"},
    {Kind::kRefused, "NOT_MHA", "no MetaImage header", "look what the file is, or rename it"},
    {Kind::kRefused, "NOT_NIFTI", "no NIfTI header", "look what the file is, or rename it"},
    {Kind::kRefused, "NOT_NRRD", "no NRRD header", "look what the file is, or rename it"},
    {Kind::kRefused, "NO_IMAGE", "a row of the table names no image", "fill the image column of the table"},
    {Kind::kRefused, "NO_META", "DICOM: a data set without preamble and meta information",
     "export again as DICOM files (PS3.10)"},
    {Kind::kRefused, "NRRD_4D", "NRRD: more than three dimensions", "split it into volumes"},
    {Kind::kRefused, "NRRD_DIM", "NRRD: sizes that make no grid", "write the file again"},
    {Kind::kRefused, "NRRD_ENCODING", "NRRD: an encoding that is not read", "write it raw or gzip"},
    {Kind::kRefused, "NRRD_HEADER", "NRRD: a damaged header", "write the file again"},
    {Kind::kRefused, "NRRD_KIND", "NRRD: axes that are not spatial", "write a scalar volume"},
    {Kind::kRefused, "NRRD_SPACE", "NRRD: no space, or one that is unknown",
     "write the file with its space (LPS or RAS)"},
    {Kind::kRefused, "NRRD_TYPE", "NRRD: a voxel type that is not read", "convert it to an integer or float type"},
    {Kind::kRefused, "OTHER", "an error without a code of its own", "read the message; it tells what to do"},
    {Kind::kRefused, "PATIENT_MISMATCH", "DICOM: one series with images of two patients",
     "correct the archive before anything is used"},
    {Kind::kRefused, "PIXEL_FORMAT", "DICOM: slices differ in bits allocated or sign",
     "several scans were mixed: export them apart"},
    {Kind::kRefused, "PIXEL_LENGTH", "DICOM: fewer pixels than rows and columns promise",
     "the transfer was cut: fetch the series again"},
    {Kind::kRefused, "SEVERAL_SERIES", "DICOM: a folder that should hold one series holds several",
     "give each series a folder of its own"},
    {Kind::kRefused, "SLICES_ASIDE",
     "DICOM: slices lie aside of each other, unevenly or by more than a tilted gantry can",
     "look whether slices of another stack are among them"},
    {Kind::kRefused, "SPACING_MISMATCH", "DICOM: slices differ in pixel spacing",
     "several scans were mixed: export them apart"},
    {Kind::kRefused, "STORE", "the store refuses the case, mostly because it holds another of the same name",
     "rename the case, or begin a new store"},
    {Kind::kRefused, "STRUCTURE",
     "DICOM: items and sequences are not where they may be, or DCMTK cannot parse the file",
     "the file is damaged: fetch it again"},
    {Kind::kRefused, "TOO_FEW_SLICES", "a series of fewer than 4 slices, or a flat image", "nothing: it is no volume"},
    {Kind::kRefused, "TRANSFER_SYNTAX",
     "DICOM: a compression that is not read (JPEG 2000 part 2, MPEG, HTJ2K ...), or pixels that contradict theirs",
     "fetch the series uncompressed"},
    {Kind::kRefused, "TRUNCATED", "the file ends before its data do", "the transfer was cut: fetch it again"},
    {Kind::kRefused, "WORKER_CRASH", "the process that read it died of it, or was killed",
     "the file is hostile or damaged beyond telling: fetch it again, report it when it stays"},
    {Kind::kRefused, "WORKER_MEMORY", "reading it needs more memory than is allowed",
     "raise --limit-mb when the file is as large as that by right"},
    {Kind::kRefused, "WORKER_TIMEOUT", "reading it takes longer than is allowed",
     "raise --limit-seconds when the disk is slow; else the file is damaged"},
    {Kind::kNoted, "CHARSET", "DICOM: a character set that the standard does not know (0008,0005); no text is kept",
     "nothing"},
    {Kind::kNoted, "COUNT_MISMATCH", "DICOM: the acquisition promises another number of images (0020,1002)",
     "compare with the archive when the number matters"},
    {Kind::kNoted, "DUPLICATE", "DICOM: identical copies of a slice were left out", "nothing"},
    {Kind::kNoted, "GANTRY_TILT", "DICOM: slices that lie aside of each other were resampled to a straight grid",
     "nothing; gantry_tilt_deg tells by how much"},
    {Kind::kNoted, "LOSSY", "DICOM: the images were compressed with loss", "fetch the originals where there are some"},
    {Kind::kNoted, "MODALITY_CONFLICT", "DICOM: the modality contradicts the kind of object; the object wins",
     "nothing"},
    {Kind::kNoted, "MONOCHROME1", "DICOM: shown inverted by viewers; values are kept as stored", "nothing"},
    {Kind::kNoted, "OVERLAY", "DICOM: overlays are there and are left out", "nothing"},
    {Kind::kNoted, "PADDING_VALUE", "DICOM: a value outside of the image is declared; voxels keep it",
     "nothing; the plan of prepare clips it"},
    {Kind::kNoted, "PIXEL_PADDING", "DICOM: bytes behind the pixels were left out", "nothing"},
    {Kind::kNoted, "REPORT_IDENTITY",
     "a report text was left out: something like the patient's name may still be in it",
     "have a person read it, correct it, and ingest the case again"},
    {Kind::kNoted, "RESCALE_MISSING", "DICOM: a CT image without slope or intercept; values are as stored",
     "do not take the values for Hounsfield units"},
    {Kind::kNoted, "SPACING_CONFLICT", "DICOM: (0018,0088) contradicts the places of the slices; the places win",
     "nothing"},
    {Kind::kNoted, "SUV_DECAY", "DICOM: a PET that is not corrected for decay; values are as stored",
     "do not compare the values with SUV"},
    {Kind::kNoted, "SUV_INPUT",
     "DICOM: weight, dose, half-life or a time of a PET is absent, impossible or not the same in all images; values "
     "are as stored",
     "look for what the scanner's own export tells; de-identified archives often lost it"},
    {Kind::kNoted, "SUV_UNITS", "DICOM: a PET in units that are no activity; values are as stored",
     "do not compare the values with SUV"},
    {Kind::kFlagged, "BLANK", "all voxels have nearly one value", "leave the case out"},
    {Kind::kFlagged, "CROPPED", "the body reaches the border on four or more sides",
     "look whether the part you need is there"},
    {Kind::kFlagged, "INVERTED", "CT or MR: the border is bright and even, the middle dark",
     "look; correct the polarity at the source"},
    {Kind::kFlagged, "LOW_SNR", "noise is nearly as strong as contrast",
     "look; leave the case out when nothing can be seen"},
    {Kind::kFlagged, "PLACE_UNKNOWN",
     "the file tells no place, no spacing and no direction: the axes may stand for anything",
     "compare left and right with the source before you trust it"},
};

constexpr struct {
  Kind kind;
  std::string_view heading, what;
} kSections[] = {
    {Kind::kRefused, "Refused", "No case comes of it; the others go on."},
    {Kind::kNoted, "Read, with a note", "The case is in the store."},
    {Kind::kFlagged, "Read, and worth a look", "The case is in the store; quality control doubts it."},
};

}  // namespace

std::span<const Reason> reasons() { return kReasons; }

const Reason* find_reason(std::string_view code) {
  const auto found =
      std::find_if(std::begin(kReasons), std::end(kReasons), [&](const Reason& reason) { return reason.code == code; });
  return found == std::end(kReasons) ? nullptr : found;
}

std::string reasons_page() {
  std::string page =
      "# Reason codes\n\nWhy an input was turned away, noted or flagged: the word in brackets at the end of a story, "
      "the "
      "columns `reason` and\n`flags` of `ingest_report.csv`. Made from the table in `reasons.cpp` by `gadolin config "
      "reasons --out modules/io/REASONS.md`; a\ntest compares this page with the table, and the table with the code.\n";
  for (const auto& section : kSections) {
    page += "\n## " + std::string(section.heading) + "\n\n" + std::string(section.what) +
            "\n\n| code | why | what to do |\n|---|---|---|\n";
    for (const Reason& reason : kReasons) {
      if (reason.kind != section.kind) continue;
      page += "| " + std::string(reason.code) + " | " + std::string(reason.meaning) + " | " +
              std::string(reason.advice) + " |\n";
    }
  }
  return page;
}

}  // namespace io
