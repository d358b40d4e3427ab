// io::read_dicom: headers, order, pixels.
#include <algorithm>
#include <map>
#include <set>

#include "core/hash.h"
#include "io/dicom.h"
#include "io/dicom_mosaic.h"
#include "io/dicom_pixels.h"
#include "io/dicom_stack.h"
#include "io/format.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;
using volume::Volume;

template <class Body>
auto in_file(const fs::path& path, Body&& body) {
  return core::with_context("file " + path.filename().string(), std::forward<Body>(body));
}

// The headers of all files, identical copies of one left out.
std::vector<DicomHeader> read_headers(std::span<const fs::path> files, const DeidKey& key,
                                      std::set<std::string>& notes) {
  std::vector<DicomHeader> headers;
  std::map<std::string, std::size_t> instances;
  for (const fs::path& file : files) {
    DicomHeader header = in_file(file, [&] { return read_header(file, key); });
    const auto [there, added] = instances.emplace(header.instance, headers.size());
    if (!added) {
      if (core::sha256_file_hex(file) != core::sha256_file_hex(headers[there->second].path))
        throw reject("DUPLICATE_UID", "two files are the same instance with other content",
                     "remove the one that was altered");
      notes.insert("DUPLICATE");
      continue;
    }
    if (!headers.empty() && header.who.series != headers.front().who.series)
      throw reject("SEVERAL_SERIES", "the files are of several series", "give one series at a time");
    headers.push_back(std::move(header));
  }
  return headers;
}

// A slice of the volume: a file, or a tile of one.
struct Slices {
  std::vector<DicomHeader> headers;
  bool mosaic = false;
};

Slices unfolded(std::vector<DicomHeader> headers) {
  const bool any =
      std::any_of(headers.begin(), headers.end(), [](const DicomHeader& h) { return h.mosaic.has_value(); });
  if (!any) return {std::move(headers), false};
  if (headers.size() > 1)
    throw reject("MULTI_VOLUME", "the series is " + std::to_string(headers.size()) + " volumes (mosaics)",
                 "split it by time or b-value");
  return {slices_of(headers.front()), true};
}

void note_counts(std::span<const DicomHeader> headers, std::set<std::string>& notes) {
  for (const DicomHeader& header : headers) {
    notes.insert(header.notes.begin(), header.notes.end());
    if (header.promised > 0 && header.promised != static_cast<std::int64_t>(headers.size()))
      notes.insert("COUNT_MISMATCH");
  }
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

void fill(Volume& volume, const Slices& slices, const std::vector<std::size_t>& order, const DicomHeader& whole) {
  const std::size_t bytes = static_cast<std::size_t>(slices.headers.front().pixels.bytes());
  std::vector<std::byte> picture;
  if (slices.mosaic) {
    picture.resize(static_cast<std::size_t>(whole.pixels.bytes()));
    in_file(whole.path, [&] { read_pixels(whole, picture); });
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto target = volume.bytes().subspan(i * bytes, bytes);
    if (slices.mosaic) {
      copy_tile(whole, static_cast<int>(order[i]), picture, target);
    } else {
      const DicomHeader& header = slices.headers[order[i]];
      in_file(header.path, [&] { read_pixels(header, target); });
    }
  }
}

Volume rescaled(Volume stored, const Slices& slices, const std::vector<std::size_t>& order) {
  const DicomHeader& first = slices.headers.front();
  const bool one_scale = std::all_of(slices.headers.begin(), slices.headers.end(), [&](const DicomHeader& h) {
    return h.slope == first.slope && h.intercept == first.intercept;
  });
  if (one_scale) {
    stored.scale = first.slope;
    stored.offset = first.intercept;
    return stored;
  }
  Volume values(stored.shape(), volume::VoxelType::kFloat32, stored.geometry);
  for (std::size_t i = 0; i < order.size(); ++i)
    apply_rescale(stored, static_cast<std::int64_t>(i), slices.headers[order[i]], values);
  return values;
}

}  // namespace

DicomVolume read_dicom(std::span<const fs::path> files, const DeidKey& key) {
  if (files.empty()) throw reject("EMPTY", "the series has no files");
  std::set<std::string> notes;
  std::vector<DicomHeader> headers = read_headers(files, key, notes);
  note_counts(headers, notes);
  const DicomHeader whole = headers.front();
  const Slices slices = unfolded(std::move(headers));
  const Stack stack = stack_slices(slices.headers);
  notes.insert(stack.notes.begin(), stack.notes.end());
  const volume::Shape shape{static_cast<std::int64_t>(slices.headers.size()), slices.headers.front().pixels.rows,
                            slices.headers.front().pixels.columns};
  checked_size(shape, whole.pixels.type(), "IMAGE_PIXEL");
  Volume stored(shape, whole.pixels.type(), stack.geometry);
  fill(stored, slices, stack.order, whole);
  DicomVolume result{rescaled(std::move(stored), slices, stack.order),
                     whole.who.modality,
                     {whole.who.patient, whole.who.site, whole.who.vendor},
                     {notes.begin(), notes.end()}};
  result.image.geometry.check();
  return result;
}

DicomVolume read_dicom_folder(const fs::path& folder, const DeidKey& key) {
  const DicomScan scan = scan_dicom(folder, 1, nullptr, key);
  if (!scan.damaged.empty()) {
    const DicomDamage& damage = scan.damaged.front();
    throw reject(damage.code, damage.story, damage.hint).within("file " + damage.file.filename().string());
  }
  if (scan.series.empty())
    throw reject("EMPTY", "no DICOM image is in " + folder.filename().string(), "check the path");
  if (scan.series.size() > 1)
    throw reject("SEVERAL_SERIES",
                 folder.filename().string() + " holds " + std::to_string(scan.series.size()) + " series",
                 "name the folder of one series");
  return read_dicom(scan.series.front().files, key);
}

}  // namespace io
