#include "io/dicom_split.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "core/hash.h"
#include "io/dicom.h"
#include "io/dicom_facts.h"
#include "io/dicom_stack.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;
using Slices = std::span<const DicomHeader>;

constexpr double kOnePlaceMm = 0.01;
constexpr std::size_t kMostNames = 3;  // facts in which volumes differ at once: time and echo and kind
constexpr std::size_t kSureNames = 8;  // of parting_facts(): these part volumes of unlike numbers of slices
constexpr std::size_t kFewestPlaces = 4;

// The number of each slice's place, in ascending order along the normal.
struct Places {
  std::vector<std::size_t> of_slice;
  std::vector<std::size_t> slices_at;
};

Places places_of(Slices slices) {
  std::vector<std::size_t> order(slices.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<double> along;
  for (const DicomHeader& slice : slices) along.push_back(along_normal(slices.front(), slice));
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return along[a] < along[b]; });
  Places places;
  places.of_slice.resize(slices.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || along[order[i]] - along[order[i - 1]] >= kOnePlaceMm) places.slices_at.push_back(0);
    ++places.slices_at.back();
    places.of_slice[order[i]] = places.slices_at.size() - 1;
  }
  return places;
}

std::string fact_of(const DicomHeader& slice, const std::string& name) {
  const auto found = slice.facts.find(name);
  return found == slice.facts.end() ? "" : found->second;
}

// 9.2 before 12: by number where both are numbers.
bool comes_before(const std::string& a, const std::string& b) {
  const auto numbers = [](std::string text) {
    std::replace(text.begin(), text.end(), '/', '\\');
    return decimal_numbers(text);
  };
  const auto left = numbers(a), right = numbers(b);
  return left && right ? *left < *right : a < b;
}

// A fact that differs in the series: its values in order, and which each slice has.
struct Varying {
  std::string name;
  std::vector<std::string> values;
  std::vector<std::size_t> of_slice;
  bool sure = false;
};

std::vector<Varying> varying_facts(Slices slices) {
  std::vector<Varying> all;
  const auto names = parting_facts();
  for (std::size_t n = 0; n < names.size(); ++n) {
    Varying one{names[n], {}, {}, n < kSureNames};
    std::set<std::string> values;
    for (const DicomHeader& slice : slices) values.insert(fact_of(slice, one.name));
    if (values.size() < 2) continue;
    one.values.assign(values.begin(), values.end());
    std::sort(one.values.begin(), one.values.end(), comes_before);
    std::map<std::string, std::size_t> number;
    for (std::size_t i = 0; i < one.values.size(); ++i) number[one.values[i]] = i;
    for (const DicomHeader& slice : slices) one.of_slice.push_back(number[fact_of(slice, one.name)]);
    all.push_back(std::move(one));
  }
  return all;
}

// The slices by their values of these facts; nothing when a volume would have two slices at one place, or, unless
// `unlike` are allowed, not one at each.
std::vector<VolumePart> parted_by(const std::vector<const Varying*>& facts, const Places& places, bool unlike) {
  std::map<std::vector<std::size_t>, std::size_t> number;
  std::vector<VolumePart> parts;
  std::vector<std::vector<bool>> taken;
  for (std::size_t i = 0; i < places.of_slice.size(); ++i) {
    std::vector<std::size_t> key;
    for (const Varying* fact : facts) key.push_back(fact->of_slice[i]);
    const auto [there, added] = number.emplace(key, parts.size());
    if (added) {
      if (parts.size() * kFewestPlaces > places.of_slice.size()) return {};
      parts.emplace_back();
      taken.emplace_back(places.slices_at.size());
      for (std::size_t f = 0; f < facts.size(); ++f) parts.back().facts[facts[f]->name] = facts[f]->values[key[f]];
    }
    auto&& place = taken[there->second][places.of_slice[i]];
    if (place) return {};
    place = true;
    parts[there->second].slices.push_back(i);
  }
  const std::size_t fewest = unlike ? kFewestPlaces : places.slices_at.size();
  if (std::any_of(parts.begin(), parts.end(), [&](const VolumePart& part) { return part.slices.size() < fewest; }))
    return {};
  std::vector<VolumePart> sorted;
  for (const auto& [key, part] : number) sorted.push_back(std::move(parts[part]));
  return sorted;
}

// Fewest facts first, the surest of them first.
std::vector<VolumePart> parted_by_facts(const std::vector<Varying>& all, const Places& places, bool unlike) {
  std::vector<const Varying*> chosen;
  std::vector<VolumePart> found;
  const auto choose = [&](auto&& self, std::size_t from, std::size_t left) -> bool {
    if (left == 0) return !(found = parted_by(chosen, places, unlike)).empty();
    for (std::size_t i = from; i < all.size(); ++i) {
      if (unlike && !all[i].sure) continue;
      chosen.push_back(&all[i]);
      if (self(self, i + 1, left - 1)) return true;
      chosen.pop_back();
    }
    return false;
  };
  for (std::size_t count = 1; count <= kMostNames; ++count) {
    chosen.clear();
    if (choose(choose, 0, count)) break;
  }
  return found;
}

// By the order of acquisition alone: the first slice at each place, the second ... Only where InstanceNumber runs
// through one volume after the other, or through one place after the other, and from one end of each to the other.
std::vector<VolumePart> parted_by_order(Slices slices, const Places& places) {
  std::vector<std::vector<std::size_t>> at(places.slices_at.size());
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (!slices[i].number || slices[i].frames > 1) return {};
    at[places.of_slice[i]].push_back(i);
  }
  const auto number = [&](std::size_t i) { return *slices[i].number; };
  std::vector<VolumePart> parts(at.front().size());
  using Range = std::pair<std::int64_t, std::int64_t>;
  std::vector<Range> by_place, by_part(parts.size(), {INT64_MAX, INT64_MIN});
  for (std::vector<std::size_t>& here : at) {
    std::sort(here.begin(), here.end(), [&](std::size_t a, std::size_t b) { return number(a) < number(b); });
    by_place.emplace_back(number(here.front()), number(here.back()));
    for (std::size_t k = 0; k < here.size(); ++k) {
      if (k > 0 && number(here[k]) == number(here[k - 1])) return {};
      parts[k].slices.push_back(here[k]);
      by_part[k] = {std::min(by_part[k].first, number(here[k])), std::max(by_part[k].second, number(here[k]))};
    }
  }
  const auto apart = [](std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end());
    return std::adjacent_find(ranges.begin(), ranges.end(),
                              [](const Range& a, const Range& b) { return a.second >= b.first; }) == ranges.end();
  };
  const bool along = std::all_of(parts.begin(), parts.end(), [&](const VolumePart& part) {
    const auto before = [&](std::size_t a, std::size_t b) { return number(a) < number(b); };
    return std::is_sorted(part.slices.begin(), part.slices.end(), before) ||
           std::is_sorted(part.slices.rbegin(), part.slices.rend(), before);
  });
  return along && (apart(by_part) || apart(by_place)) ? parts : std::vector<VolumePart>{};
}

}  // namespace

SeriesSlices slices_of_files(std::span<const fs::path> files, const DeidKey& key) {
  SeriesSlices all;
  std::map<std::string, fs::path> instances;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path& file = files[i];
    std::vector<DicomHeader> slices =
        core::with_context("file " + std::to_string(i + 1) + " of " + std::to_string(files.size()) + " by name",
                           [&] { return read_slices(file, key); });
    const auto [there, added] = instances.emplace(slices.front().instance, file);
    if (!added) {
      if (core::sha256_file_hex(file) != core::sha256_file_hex(there->second))
        throw reject("DUPLICATE_UID", "two files are the same instance with other content",
                     "remove the one that was altered");
      all.copies.emplace_back(file, there->second);
      continue;
    }
    if (!all.slices.empty() && slices.front().who.series != all.slices.front().who.series)
      throw reject("SEVERAL_SERIES", "the files are of several series", "give one series at a time");
    std::move(slices.begin(), slices.end(), std::back_inserter(all.slices));
  }
  all.instances = instances.size();
  return all;
}

std::vector<VolumePart> part_volumes(Slices slices) {
  const Places places = places_of(slices);
  const auto [least, most] = std::minmax_element(places.slices_at.begin(), places.slices_at.end());
  if (*most == 1) {
    VolumePart all;
    all.slices.resize(slices.size());
    std::iota(all.slices.begin(), all.slices.end(), std::size_t{0});
    return {all};
  }
  std::vector<VolumePart> parts;
  if (places.slices_at.size() >= kFewestPlaces) {
    const std::vector<Varying> varying = varying_facts(slices);
    parts = parted_by_facts(varying, places, false);
    if (parts.empty() && *least == *most) parts = parted_by_order(slices, places);
    if (parts.empty()) parts = parted_by_facts(varying, places, true);
  }
  if (!parts.empty()) return parts;
  if (*least == *most)
    throw reject(
        "MULTI_VOLUME",
        "every place holds " + std::to_string(*most) + " slices, and nothing tells to which volume each belongs",
        "split the series by time, echo or b-value");
  throw reject("DUPLICATE_POSITION", "some places hold several slices, with other content",
               "remove the slices that do not belong to the volume");
}

std::vector<DicomSeries> volumes_of(const DicomSeries& series) {
  if (!series.several || series.files.empty()) return {series};
  SeriesSlices read;
  std::vector<VolumePart> parts;
  try {
    read = slices_of_files(series.files);
    require_one_kind(read.slices);
    parts = part_volumes(read.slices);
  } catch (const core::Error&) {
    return {series};  // reading it will tell why
  }
  if (parts.size() == 1) return {series};
  std::vector<DicomSeries> volumes;
  for (const VolumePart& part : parts) {
    DicomSeries one = series;
    const std::string number = std::to_string(volumes.size() + 1);
    one.id += "-" + number;
    one.only = part.facts;
    one.facts["volume"] = number + " of " + std::to_string(parts.size());
    std::string names;
    for (const auto& [name, value] : part.facts) names += (names.empty() ? "" : " ") + name;
    one.facts["volume_differs_in"] = names.empty() ? "order of acquisition" : names;
    std::set<fs::path> files;
    for (const std::size_t slice : part.slices) files.insert(read.slices[slice].path);
    for (const auto& [copy, original] : read.copies) {
      if (files.count(original) != 0) files.insert(copy);
    }
    one.files.assign(files.begin(), files.end());
    volumes.push_back(std::move(one));
  }
  return volumes;
}

}  // namespace io
