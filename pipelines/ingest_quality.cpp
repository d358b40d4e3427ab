#include "pipelines/ingest_quality.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/hash.h"
#include "report/montage.h"
#include "report/page.h"
#include "report/png.h"
#include "volume/face.h"

namespace pipelines {
namespace {

namespace json = boost::json;

constexpr std::int64_t kThumbnailPixels = 96;  // the longest side of the patient's box
constexpr std::size_t kReadAtOnce = std::size_t{1} << 20;

std::string fact(const volume::Case& one, const std::string& name) {
  const auto found = one.facts.find(name);
  return found == one.facts.end() ? "" : found->second;
}

json::array codes_json(const std::vector<std::string>& codes) {
  json::array all;
  for (const std::string& code : codes) all.push_back(json::string(code));
  return all;
}

std::vector<std::string> codes_from(const json::value& value) {
  std::vector<std::string> codes;
  for (const json::value& code : value.as_array()) codes.emplace_back(code.as_string());
  return codes;
}

json::array numbers(const auto& values) {
  json::array all;
  for (const auto value : values) all.push_back(json::value(value));
  return all;
}

std::string line_of(const CaseQuality& one) {
  const volume::Quality& q = one.quality;
  const json::object object{
      {"case", one.id},
      {"source_hash", one.source_hash},
      {"modality", one.modality},
      {"vendor", one.vendor},
      {"model", one.model},
      {"body_part", one.body_part},
      {"patient", one.patient},
      {"shape", json::array{one.shape.depth, one.shape.height, one.shape.width}},
      {"spacing_mm", numbers(one.spacing_mm)},
      {"orientation", one.orientation},
      {"voxel_type", one.voxel_type},
      {"channels", one.channels},
      {"bytes", one.bytes},
      {"labelled", one.labelled},
      {"low", q.low},
      {"high", q.high},
      {"histogram", numbers(q.histogram)},
      {"content_share", q.content_share},
      {"content_begin", numbers(q.content.begin)},
      {"content_shape", json::array{q.content.shape.depth, q.content.shape.height, q.content.shape.width}},
      {"faces_touched", q.faces_touched},
      {"noise", q.noise},
      {"snr", std::isfinite(q.snr) ? json::value(q.snr) : json::value(nullptr)},
      {"notes", codes_json(one.notes)},
      {"flags", codes_json(one.doubts)},
      {"voxels_sha256", one.voxels_sha256},
      {"likeness", volume::hex_of(one.likeness)}};
  return json::serialize(object);
}

volume::Shape shape_from(const json::value& value) {
  const json::array& sides = value.as_array();
  return {sides.at(0).as_int64(), sides.at(1).as_int64(), sides.at(2).as_int64()};
}

CaseQuality case_from(std::string_view line) {
  const json::object object = json::parse(json::string_view(line.data(), line.size())).as_object();
  const auto text = [&](const char* name) { return std::string(object.at(name).as_string()); };
  CaseQuality one;
  one.id = text("case");
  one.source_hash = text("source_hash");
  one.modality = text("modality");
  one.vendor = text("vendor");
  one.model = text("model");
  one.body_part = text("body_part");
  one.patient = text("patient");
  one.shape = shape_from(object.at("shape"));
  for (std::size_t i = 0; i < 3; ++i) one.spacing_mm[i] = object.at("spacing_mm").at(i).to_number<double>();
  one.orientation = text("orientation");
  one.voxel_type = text("voxel_type");
  one.channels = object.at("channels").as_int64();
  one.bytes = object.at("bytes").as_int64();
  one.labelled = object.at("labelled").as_bool();
  volume::Quality& q = one.quality;
  q.low = object.at("low").to_number<double>();
  q.high = object.at("high").to_number<double>();
  for (std::size_t i = 0; i < q.histogram.size(); ++i) q.histogram[i] = object.at("histogram").at(i).as_int64();
  q.content_share = object.at("content_share").to_number<double>();
  for (std::size_t i = 0; i < 3; ++i) q.content.begin[i] = object.at("content_begin").at(i).as_int64();
  q.content.shape = shape_from(object.at("content_shape"));
  q.faces_touched = static_cast<int>(object.at("faces_touched").as_int64());
  q.noise = object.at("noise").to_number<double>();
  const json::value& snr = object.at("snr");
  q.snr = snr.is_null() ? std::numeric_limits<double>::infinity() : snr.to_number<double>();
  one.notes = codes_from(object.at("notes"));
  one.doubts = codes_from(object.at("flags"));
  one.voxels_sha256 = text("voxels_sha256");
  one.likeness = volume::likeness_from(text("likeness"));
  return one;
}

std::string voxels_hash(const volume::Case& one) {
  core::Sha256 hash;
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    const volume::Volume& image = *channel.image;
    const volume::Shape& shape = image.shape();
    hash.update(fmt::format("{} {} {} {} {} {}\n", shape.depth, shape.height, shape.width, volume::name(image.type()),
                            image.scale, image.offset));
    hash.update(image.bytes());
  }
  return hash.hex();
}

std::vector<std::byte> from_base64(std::string_view text) {
  std::vector<std::byte> bytes;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) break;
    group = group << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::byte>(group >> bits));
  }
  return bytes;
}

}  // namespace

CaseQuality quality_of(const volume::Case& one, const std::string& source_hash) {
  const volume::Volume& image = one.reference();
  CaseQuality kept{.id = one.id, .source_hash = source_hash};
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    if (kept.modality.empty()) kept.modality = channel.modality;
    kept.bytes += static_cast<std::int64_t>(channel.image->bytes().size());
  }
  kept.vendor = one.groups.vendor;
  kept.model = fact(one, "model");
  kept.body_part = fact(one, "body_part");
  kept.patient = one.groups.patient;
  kept.shape = image.shape();
  kept.spacing_mm = image.geometry.spacing_mm;
  kept.orientation = volume::orientation(image.geometry);
  kept.voxel_type = volume::name(image.type());
  kept.channels = static_cast<std::int64_t>(one.channels.size());
  kept.labelled = one.label_map.has_value();
  kept.notes = one.notes;
  kept.quality = volume::quality_of(image, kept.modality);
  kept.doubts = volume::doubts_of(kept.quality, kept.modality);
  if (volume::face_possible(image, kept.modality, kept.body_part, kept.quality.threshold)) {
    kept.doubts.emplace_back("FACE_POSSIBLE");
    std::sort(kept.doubts.begin(), kept.doubts.end());
  }
  kept.voxels_sha256 = voxels_hash(one);
  kept.likeness = volume::likeness_of(image);
  return kept;
}

std::vector<std::byte> thumbnail_of(const volume::Case& one) {
  report::MontageOptions options;
  options.tile_pixels = kThumbnailPixels;
  options.legend = false;
  return report::png_bytes(
      report::montage(one.reference(), one.label_map ? &*one.label_map : nullptr, nullptr, options));
}

QualityLog::QualityLog(const std::filesystem::path& file) {
  std::error_code failed;
  std::filesystem::create_directories(file.parent_path(), failed);
  number_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (number_ < 0)
    throw core::Error("cannot open " + file.filename().string() + ": " + std::strerror(errno), "check its permissions");
  read_lines();
}

QualityLog::QualityLog() {
  FILE* nameless = std::tmpfile();
  if (nameless != nullptr) {
    number_ = ::fcntl(::fileno(nameless), F_DUPFD_CLOEXEC, 0);
    std::fclose(nameless);
  }
  if (number_ < 0)
    throw core::Error(std::string("cannot make a temporary file: ") + std::strerror(errno), "check the disk of /tmp");
}

QualityLog::~QualityLog() { ::close(number_); }

// What cannot be read (a line without an end, a line of another version) is as if it were not there.
void QualityLog::read_lines() {
  std::string pending;
  std::int64_t begin = 0;  // of `pending` in the file
  std::vector<char> buffer(kReadAtOnce);
  for (;;) {
    const ssize_t got =
        ::pread(number_, buffer.data(), buffer.size(), begin + static_cast<std::int64_t>(pending.size()));
    if (got <= 0) break;
    pending.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (std::size_t end; (end = pending.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::size_t tab = pending.find('\t', at);
      if (tab == std::string::npos || tab > end) continue;
      try {
        Line line{case_from(std::string_view(pending).substr(at, tab - at)), begin + static_cast<std::int64_t>(tab) + 1,
                  static_cast<std::int64_t>(end - tab) - 1};
        const std::string id = line.facts.id;
        lines_.insert_or_assign(id, std::move(line));
      } catch (const std::exception&) {
        continue;
      }
    }
    pending.erase(0, at);
    begin += static_cast<std::int64_t>(at);
  }
  end_ = begin;  // what has no end is written over
  if (!pending.empty() && ::ftruncate(number_, end_) != 0)
    throw core::Error(std::string("cannot write the notes of quality control: ") + std::strerror(errno));
}

bool QualityLog::has(const std::string& id, const std::string& source_hash) const {
  const std::scoped_lock hold(mutex_);
  const auto found = lines_.find(id);
  return found != lines_.end() && found->second.facts.source_hash == source_hash;
}

void QualityLog::add(const CaseQuality& one, std::span<const std::byte> thumbnail) {
  const std::string facts = line_of(one) + "\t", picture = report::base64(thumbnail);
  const std::string line = facts + picture + "\n";
  const std::scoped_lock hold(mutex_);
  if (::pwrite(number_, line.data(), line.size(), end_) != static_cast<ssize_t>(line.size())) {
    throw core::Error(std::string("cannot write the notes of quality control: ") + std::strerror(errno),
                      "the disk may be full; free space and run the same command again");
  }
  lines_.insert_or_assign(
      one.id, Line{one, end_ + static_cast<std::int64_t>(facts.size()), static_cast<std::int64_t>(picture.size())});
  end_ += static_cast<std::int64_t>(line.size());
}

const CaseQuality* QualityLog::find(const std::string& id) const {
  const auto found = lines_.find(id);
  return found == lines_.end() ? nullptr : &found->second.facts;
}

std::vector<std::byte> QualityLog::thumbnail(const std::string& id) const {
  const auto found = lines_.find(id);
  if (found == lines_.end()) return {};
  std::string text(static_cast<std::size_t>(found->second.picture_size), '\0');
  const ssize_t got = ::pread(number_, text.data(), text.size(), found->second.picture);
  return got == static_cast<ssize_t>(text.size()) ? from_base64(text) : std::vector<std::byte>{};
}

}  // namespace pipelines
