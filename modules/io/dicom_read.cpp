// io::read_dicom: headers, order, pixels.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "io/dicom.h"
#include "io/dicom_pixels.h"
#include "io/dicom_split.h"
#include "io/dicom_stack.h"
#include "io/dicom_tilt.h"
#include "io/format.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;
using volume::Volume;

// The slices that the series asks for: of all its files, or of them those with certain facts.
std::vector<DicomHeader> wanted_slices(const DicomSeries& series, const DeidKey& key, std::set<std::string>& notes) {
  SeriesSlices read = slices_of_files(series.files, key);
  if (!read.copies.empty()) notes.insert("DUPLICATE");
  std::erase_if(read.slices, [&](const DicomHeader& slice) {
    return std::any_of(series.only.begin(), series.only.end(), [&](const auto& wanted) {
      const auto told = slice.facts.find(wanted.first);
      return (told == slice.facts.end() ? "" : told->second) != wanted.second;
    });
  });
  if (read.slices.empty()) throw reject("EMPTY", "the series has no slices of this volume");
  const bool whole = series.facts.count("volume") == 0;
  for (const DicomHeader& slice : read.slices) {
    notes.insert(slice.notes.begin(), slice.notes.end());
    const bool counted = whole && slice.frames == 1 && !slice.mosaic && slice.promised > 0;
    if (counted && slice.promised != static_cast<std::int64_t>(read.instances)) notes.insert("COUNT_MISMATCH");
  }
  return std::move(read.slices);
}

// What all slices tell alike.
std::map<std::string, std::string> common_facts(const std::vector<DicomHeader>& slices) {
  std::map<std::string, std::string> facts = slices.front().facts;
  for (const DicomHeader& slice : slices) {
    std::erase_if(facts, [&](const auto& fact) {
      const auto found = slice.facts.find(fact.first);
      return found == slice.facts.end() || found->second != fact.second;
    });
  }
  return facts;
}

// Values as numbers of one scale, where each slice has its own.
void apply_rescale(const Volume& stored, std::int64_t slice, const DicomHeader& header, Volume& into) {
  const std::size_t count = static_cast<std::size_t>(stored.shape().height * stored.shape().width);
  const std::size_t begin = static_cast<std::size_t>(slice) * count;
  auto target = into.voxels<float>().subspan(begin, count);
  volume::with_type(stored.type(), [&]<class T>(T) {
    const auto source = stored.voxels<T>().subspan(begin, count);
    std::transform(source.begin(), source.end(), target.begin(),
                   [&](T v) { return static_cast<float>(static_cast<double>(v) * header.slope + header.intercept); });
  });
}

void fill(Volume& volume, const std::vector<DicomHeader>& slices, const std::vector<std::size_t>& order) {
  const std::size_t bytes = static_cast<std::size_t>(slices.front().pixels.bytes());
  PixelReader reader;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const DicomHeader& slice = slices[order[i]];
    core::with_context("slice " + std::to_string(i + 1) + " of " + std::to_string(order.size()) + " by place",
                       [&] { reader.read(slice, volume.bytes().subspan(i * bytes, bytes)); });
  }
}

Volume rescaled(Volume stored, const std::vector<DicomHeader>& slices, const std::vector<std::size_t>& order) {
  const DicomHeader& first = slices.front();
  const bool one_scale = std::all_of(slices.begin(), slices.end(), [&](const DicomHeader& h) {
    return h.slope == first.slope && h.intercept == first.intercept;
  });
  if (one_scale) {
    stored.scale = first.slope;
    stored.offset = first.intercept;
    return stored;
  }
  Volume values(stored.shape(), volume::VoxelType::kFloat32, stored.geometry);
  for (std::size_t i = 0; i < order.size(); ++i)
    apply_rescale(stored, static_cast<std::int64_t>(i), slices[order[i]], values);
  return values;
}

Volume read_voxels(const std::vector<DicomHeader>& slices, const Stack& stack) {
  const PixelLayout& pixels = slices.front().pixels;
  const volume::Shape shape{static_cast<std::int64_t>(slices.size()), pixels.rows, pixels.columns};
  const std::uint64_t bytes = checked_size(shape, pixels.type(), "IMAGE_PIXEL");
  using volume::VoxelMemory;
  Volume stored(shape, pixels.type(), stack.geometry,
                VoxelMemory(static_cast<std::size_t>(bytes), VoxelMemory::Fill::kNone));  // fill() writes all
  fill(stored, slices, stack.order);
  return rescaled(std::move(stored), slices, stack.order);
}

// Of kinds that mostly have text in their pixels none is taken, whatever is found in it.
void require_no_kind_of_text(const std::vector<DicomHeader>& slices) {
  for (const DicomHeader& slice : slices) {
    if (slice.text_kind != nullptr) throw usual_text(slice.text_kind);
  }
}

void straighten(DicomVolume& read, const Shear& shear, std::set<std::string>& notes) {
  const bool hounsfield = read.modality == "CT" && notes.count("RESCALE_MISSING") == 0;
  read.image = straightened(read.image, shear, outside_value(read.image, hounsfield));
  char degrees[32];
  std::snprintf(degrees, sizeof degrees, "%.2f", shear.degrees);
  read.facts["gantry_tilt_deg"] = degrees;
  notes.insert("GANTRY_TILT");
}

// Values become SUV where the header tells enough, and stay what they are, with a note, where it does not.
void standardise(DicomVolume& read, const std::vector<DicomHeader>& slices, std::set<std::string>& notes) {
  std::vector<PetHeader> images;
  for (const DicomHeader& slice : slices) images.push_back(slice.pet.value_or(PetHeader{}));
  const Suv suv = suv_of(images);
  read.facts.insert(suv.facts.begin(), suv.facts.end());
  read.facts["units"] = suv.code.empty() ? "SUVbw" : "as stored";
  if (!suv.code.empty()) notes.insert(suv.code);
  read.image.scale *= suv.factor;
  read.image.offset *= suv.factor;
}

}  // namespace

DicomVolume read_dicom(const DicomSeries& series, const DeidKey& key, BurnedIn burned_in) {
  if (series.files.empty()) throw reject("EMPTY", "the series has no files");
  std::set<std::string> notes;
  const std::vector<DicomHeader> slices = wanted_slices(series, key, notes);
  require_one_kind(slices);
  if (const std::size_t volumes = part_volumes(slices).size(); volumes > 1)
    throw reject("MULTI_VOLUME", "the series is " + std::to_string(volumes) + " volumes (times, echoes or b-values)",
                 "gadolin ingest of the folder makes a case of each");
  const Stack stack = stack_slices(slices);
  notes.insert(stack.notes.begin(), stack.notes.end());
  if (burned_in == BurnedIn::kCheck) require_no_kind_of_text(slices);
  const DicomIdentity& who = slices.front().who;
  DicomVolume read{read_voxels(slices, stack),       who.modality, {who.patient, who.site, who.vendor}, {}, {},
                   slices.front().frame_of_reference};
  for (const DicomHeader& slice : slices) read.instances.insert(slice.instance);
  read.facts = common_facts(slices);
  read.facts.insert(series.facts.begin(), series.facts.end());
  if (burned_in == BurnedIn::kCheck) {
    TextSearch search;
    search.look_at(read.image);
    for (std::string& note : search.finish()) notes.insert(std::move(note));
  }
  if (stack.shear) straighten(read, *stack.shear, notes);
  if (read.modality == "PT") standardise(read, slices, notes);
  read.notes.assign(notes.begin(), notes.end());
  read.image.geometry.check();
  return read;
}

DicomVolume read_dicom(std::span<const fs::path> files, const DeidKey& key) {
  DicomSeries series;
  series.files.assign(files.begin(), files.end());
  return read_dicom(series, key);
}

DicomVolume read_dicom_folder(const fs::path& folder, const DeidKey& key, BurnedIn burned_in) {
  const DicomScan scan = scan_dicom(folder, {.key = key});
  if (!scan.damaged.empty()) {
    const DicomDamage& damage = scan.damaged.front();
    throw reject(damage.why.code, damage.why.story, damage.why.hint).within("one of its files");
  }
  if (scan.series.empty())
    throw reject("EMPTY", "no DICOM image is in " + folder.filename().string(), "check the path");
  if (scan.series.size() > 1)
    throw reject("SEVERAL_SERIES",
                 folder.filename().string() + " holds " + std::to_string(scan.series.size()) + " series",
                 "name the folder of one series");
  return read_dicom(whole_series(scan).front(), key, burned_in);
}

}  // namespace io
