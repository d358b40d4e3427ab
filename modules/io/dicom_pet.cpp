#include "io/dicom_pet.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "core/table.h"
#include "io/dicom_attributes.h"

namespace io {
namespace {

constexpr double kDay = 86400;
constexpr double kLongestDecay = 2 * kDay;
constexpr double kLeastDose = 1e5;                             // becquerel; less is a dose told in megabecquerel
constexpr const char* kPhilips = "Philips PET Private Group";  // Philips' conformance statements for PET/CT

std::optional<int> digits(const std::string& text, std::size_t begin, std::size_t count) {
  int value = 0;
  if (text.size() < begin + count) return std::nullopt;
  const char *from = text.data() + begin, *end = from + count;
  const auto [stop, code] = std::from_chars(from, end, value);
  if (code != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

// DA as seconds from 1970 (PS3.5 6.2).
std::optional<double> date_seconds(const std::string& text) {
  namespace chrono = std::chrono;
  const auto year = digits(text, 0, 4), month = digits(text, 4, 2), day = digits(text, 6, 2);
  if (!year || !month || !day) return std::nullopt;
  const chrono::year_month_day date{chrono::year(*year), chrono::month(static_cast<unsigned>(*month)),
                                    chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return kDay * static_cast<double>(chrono::sys_days(date).time_since_epoch().count());
}

// TM as seconds of the day; minutes and seconds may be left out.
std::optional<double> time_seconds(const std::string& text) {
  const auto hours = digits(text, 0, 2);
  if (!hours || *hours > 23) return std::nullopt;
  double seconds = 3600.0 * *hours;
  if (text.size() <= 2) return seconds;
  const auto minutes = digits(text, 2, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  seconds += 60.0 * *minutes;
  if (text.size() <= 4) return seconds;
  double rest = 0;
  const auto [stop, code] = std::from_chars(text.data() + 4, text.data() + text.size(), rest);
  if (code != std::errc() || stop != text.data() + text.size() || !(rest >= 0 && rest < 61)) return std::nullopt;
  return seconds + rest;
}

std::optional<double> moment(const std::string& date, const std::string& time) {
  const auto day = date_seconds(date), seconds = time_seconds(time);
  if (!day || !seconds) return std::nullopt;
  return *day + *seconds;
}

// DT without its offset from UTC: all times of an examination are told by one clock.
std::optional<double> moment_of(std::string text) {
  text = text.substr(0, text.find_first_of("+-"));
  return text.size() > 8 ? moment(text.substr(0, 8), text.substr(8)) : std::nullopt;
}

std::optional<double> positive(std::optional<double> value) {
  return value && *value > 0 && *value < 1e15 ? value : std::nullopt;
}

bool same_but_for_acquisition(const PetHeader& a, const PetHeader& b) {
  return a.units == b.units && a.correction == b.correction && a.weight_kg == b.weight_kg && a.dose_bq == b.dose_bq &&
         a.half_life_s == b.half_life_s && a.injection_s == b.injection_s && a.series_s == b.series_s &&
         a.philips_suv == b.philips_suv && a.philips_activity == b.philips_activity;
}

// When the images were corrected to: the series' own time, unless that was set by processing after the acquisition.
std::optional<double> reference_of(std::span<const PetHeader> images, Suv& suv) {
  std::optional<double> reference = images.front().series_s;
  suv.facts["suv.reference"] = "series";
  for (const PetHeader& image : images) {
    if (!image.acquisition_s || (reference && *reference <= *image.acquisition_s)) continue;
    reference = image.acquisition_s;
    suv.facts["suv.reference"] = "first acquisition";
  }
  return reference;
}

// Seconds from injection to reference; nothing where they are not told or cannot be.
std::optional<double> decay_seconds(std::span<const PetHeader> images, Suv& suv) {
  const std::optional<double> reference = reference_of(images, suv);
  const PetHeader& first = images.front();
  if (!reference || !first.injection_s) return std::nullopt;
  double decay = *reference - *first.injection_s;
  if (!first.injection_has_date) {
    decay = std::fmod(std::fmod(*reference, kDay) - std::fmod(*first.injection_s, kDay) + kDay, kDay);
  }
  if (!(decay >= 0 && decay <= kLongestDecay)) return std::nullopt;
  return decay;
}

Suv without(Suv suv, const char* code) {
  suv.factor = 1;
  suv.code = code;
  return suv;
}

// Of becquerel per millilitre.
Suv of_activity(std::span<const PetHeader> images, Suv suv, double per_value) {
  const PetHeader& first = images.front();
  if (first.correction == "NONE") return without(std::move(suv), "SUV_DECAY");
  if (!first.weight_kg || !first.dose_bq || *first.dose_bq < kLeastDose) return without(std::move(suv), "SUV_INPUT");
  double dose = *first.dose_bq;
  suv.facts["suv.weight_kg"] = core::shortest(*first.weight_kg);
  suv.facts["suv.injected_dose_bq"] = core::shortest(dose);
  if (first.correction == "START") {
    const std::optional<double> decay = decay_seconds(images, suv);
    if (!decay || !first.half_life_s) return without(std::move(suv), "SUV_INPUT");
    suv.facts["suv.half_life_s"] = core::shortest(*first.half_life_s);
    suv.facts["suv.decay_s"] = core::shortest(*decay);
    dose *= std::exp2(-*decay / *first.half_life_s);
  } else if (first.correction != "ADMIN") {
    return without(std::move(suv), "SUV_INPUT");
  }
  suv.factor = per_value * *first.weight_kg * 1000 / dose;  // a millilitre weighs a gram
  suv.facts["suv.factor"] = core::shortest(suv.factor);
  suv.facts["suv.source"] = "activity";
  return suv;
}

}  // namespace

PetHeader read_pet(const Attributes& from) {
  PetHeader pet;
  pet.units = from.text(DCM_Units);
  pet.correction = from.text(DCM_DecayCorrection);
  pet.weight_kg = positive(from.decimal(DCM_PatientWeight));
  const Attributes tracer = from.item(DCM_RadiopharmaceuticalInformationSequence);
  pet.dose_bq = positive(tracer.decimal(DCM_RadionuclideTotalDose));
  pet.half_life_s = positive(tracer.decimal(DCM_RadionuclideHalfLife));
  pet.injection_s = moment_of(tracer.text(DCM_RadiopharmaceuticalStartDateTime));
  pet.injection_has_date = pet.injection_s.has_value();
  if (!pet.injection_has_date) pet.injection_s = time_seconds(tracer.text(DCM_RadiopharmaceuticalStartTime));
  pet.series_s = moment(from.text(DCM_SeriesDate), from.text(DCM_SeriesTime));
  pet.acquisition_s = moment(from.text(DCM_AcquisitionDate), from.text(DCM_AcquisitionTime));
  if (const auto tag = from.private_tag(0x7053, kPhilips, 0x00)) pet.philips_suv = positive(from.decimal(*tag));
  if (const auto tag = from.private_tag(0x7053, kPhilips, 0x09)) pet.philips_activity = positive(from.decimal(*tag));
  return pet;
}

Suv suv_of(std::span<const PetHeader> images) {
  const PetHeader& first = images.front();
  Suv suv;
  suv.facts["suv.decay_correction"] =
      first.correction == "START" || first.correction == "ADMIN" || first.correction == "NONE" ? first.correction
                                                                                               : "not told";
  if (!std::all_of(images.begin(), images.end(), [&](const auto& one) { return same_but_for_acquisition(first, one); }))
    return without(std::move(suv), "SUV_INPUT");
  if (first.units == "GML") {
    suv.facts["suv.source"] = "stored";
    return suv;
  }
  if (first.units == "BQML") return of_activity(images, std::move(suv), 1);
  if (first.units != "CNTS") return without(std::move(suv), "SUV_UNITS");
  if (first.philips_suv) {
    suv.factor = *first.philips_suv;
    suv.facts["suv.factor"] = core::shortest(suv.factor);
    suv.facts["suv.source"] = "counts";
    return suv;
  }
  if (!first.philips_activity) return without(std::move(suv), "SUV_UNITS");
  return of_activity(images, std::move(suv), *first.philips_activity);
}

}  // namespace io
