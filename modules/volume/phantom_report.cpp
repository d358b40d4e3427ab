#include "volume/phantom_report.h"

#include <array>
#include <cstdio>
#include <initializer_list>

namespace volume::phantom {
namespace {

std::string one_of(core::Rng& rng, std::initializer_list<const char*> wordings) {
  return wordings.begin()[rng.below(wordings.size())];
}

std::string cm(float millimetres) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f cm", static_cast<double>(millimetres) / 10);
  return text;
}

std::string liver_text(const Patient& patient, core::Rng& rng) {
  if (patient.lesions.empty()) {
    return one_of(rng, {"The liver is homogeneous, without focal lesion.", "No focal liver lesion.",
                        "Normal liver parenchyma. No mass."});
  }
  const Lesion* largest = &patient.lesions.front();
  for (const Lesion& lesion : patient.lesions) {
    if (lesion.radii.x > largest->radii.x) largest = &lesion;
  }
  static constexpr std::array<const char*, 6> kNumber{"No", "A single", "Two", "Three", "Four", "Five"};
  const std::size_t count = std::min<std::size_t>(patient.lesions.size(), 5);
  const std::string size = cm(2 * largest->radii.x * static_cast<float>(patient.size));
  const std::string place = largest->centre.x > -40 ? "left lobe" : "right lobe";
  const std::string noun = one_of(rng, {"focal liver lesion", "hepatic nodule", "liver mass"});
  const std::string plural = count == 1 ? noun : noun == "liver mass" ? "liver masses" : noun + "s";
  return std::string(kNumber[count]) + " " + plural + ", " + (count == 1 ? "" : "the largest ") + size + " in the " +
         place + ".";
}

std::string spleen_text(const Patient& patient, core::Rng& rng) {
  const float length_mm = 104 * patient.organs[kOrganSpleen].scale.z * static_cast<float>(patient.size);
  const std::string length = cm(length_mm);
  if (length_mm > 130) {
    return one_of(rng, {"Splenomegaly, ", "The spleen is enlarged, ", "Enlarged spleen of "}) + length + ".";
  }
  return one_of(rng, {"The spleen is of normal size, ", "Spleen unremarkable, ", "Normal spleen of "}) + length + ".";
}

}  // namespace

std::string report_text(const Patient& patient, const std::string& modality, core::Rng rng) {
  const std::string first =
      one_of(rng, {" of the abdomen and lower chest. ", " abdomen. ", " examination of the upper abdomen. "});
  const std::string liver = liver_text(patient, rng), spleen = spleen_text(patient, rng);
  const std::string rest = one_of(rng, {" Kidneys and pancreas unremarkable.", " No hydronephrosis.",
                                        " Both kidneys are normal in size and position.", " Lung bases clear."});
  const std::string end = patient.ill
                              ? one_of(rng, {" Impression: findings suggest hepatosplenic disease.",
                                             " Impression: hepatosplenic involvement.", " Follow-up is advised."})
                              : one_of(rng, {" Impression: no relevant finding.", " Impression: normal study.", ""});
  const bool spleen_first = rng.chance(0.3);
  return modality + first + (spleen_first ? spleen + " " + liver : liver + " " + spleen) + rest + end;
}

}  // namespace volume::phantom
