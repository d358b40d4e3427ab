// Private attributes that are safe to keep: acquisition numbers only (PS3.15 Table E.3.10-1), by creator and element.
#include <dcmtk/dcmdata/dcelem.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "io/deidentify_walk.h"

namespace io {
namespace {

struct SafePrivate {
  std::string_view creator;
  std::uint16_t group;
  std::uint8_t element;
};

constexpr SafePrivate kSafe[] = {
    {"Philips PET Private Group", 0x7053, 0x00},  // SUV scale factor
    {"Philips PET Private Group", 0x7053, 0x09},  // activity concentration scale factor
    {"Philips Imaging DD 001", 0x2001, 0x03},     // b-value
    {"Philips Imaging DD 001", 0x2001, 0x04},     // direction of diffusion
    {"Philips MR Imaging DD 001", 0x2005, 0x0D},  // scale intercept
    {"Philips MR Imaging DD 001", 0x2005, 0x0E},  // scale slope
    {"ELSCINT1", 0x00E1, 0x21},                   // dose-length product
    {"ELSCINT1", 0x01E1, 0x26},                   // phantom type
    {"ELSCINT1", 0x01E1, 0x50},                   // duration of the acquisition
    {"ELSCINT1", 0x01F1, 0x01},                   // acquisition type
    {"ELSCINT1", 0x01F1, 0x07},                   // table velocity
    {"ELSCINT1", 0x01F1, 0x26},                   // pitch
    {"ELSCINT1", 0x01F1, 0x27},                   // rotation time
    {"GEMS_ACQU_01", 0x0019, 0x23},               // table speed
    {"GEMS_ACQU_01", 0x0019, 0x24},               // mid scan time
    {"GEMS_ACQU_01", 0x0019, 0x27},               // rotation speed
    {"GEMS_SERS_01", 0x0025, 0x07},               // images in the series
    {"GEMS_PARM_01", 0x0043, 0x27},               // scan pitch ratio
    {"GEMS_HELIOS_01", 0x0045, 0x01},             // macro rows of the detector
    {"GEMS_HELIOS_01", 0x0045, 0x02},             // their width at the isocentre
    {"SIEMENS MR HEADER", 0x0019, 0x0C},          // b-value
    {"SIEMENS MR HEADER", 0x0019, 0x0D},          // directionality of diffusion
    {"SIEMENS MR HEADER", 0x0019, 0x0E},          // direction of diffusion
    {"SIEMENS MR HEADER", 0x0019, 0x27},          // b-matrix
};

}  // namespace

bool is_safe_private(std::string_view creator, DcmElement& element) {
  const DcmTag& tag = element.getTag();
  if (tag.getElement() < 0x1000) return false;
  const bool listed = std::any_of(std::begin(kSafe), std::end(kSafe), [&](const SafePrivate& one) {
    return one.creator == creator && one.group == tag.getGroup() && one.element == (tag.getElement() & 0xFF);
  });
  // A number, or a word of the scanner's own: never a text that a person typed.
  static constexpr DcmEVR kNumbers[] = {EVR_DS, EVR_IS, EVR_FL, EVR_FD, EVR_US, EVR_SS, EVR_UL, EVR_SL, EVR_CS};
  return listed && std::find(std::begin(kNumbers), std::end(kNumbers), element.getVR()) != std::end(kNumbers);
}

}  // namespace io
