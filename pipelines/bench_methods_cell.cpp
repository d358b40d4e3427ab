#include "pipelines/bench_methods_cell.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace pipelines {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;  // another number when other code means other numbers: cells of before count no more

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }
double number(const json::value& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.to_number<double>();
}

json::object object_of(const CellKey& key) {
  return {{"format", kFormat},      {"kind", key.kind},         {"method", key.method},
          {"encoder", key.encoder}, {"probe", key.probe},       {"seed", key.seed},
          {"steps", key.steps},     {"settings", key.settings}, {"cohort", key.cohort}};
}

json::object object_of(const std::map<std::string, double>& values) {
  json::object all;
  for (const auto& [name, value] : values) all[name] = number(value);
  return all;
}

std::map<std::string, double> numbers_of(const json::value& object) {
  std::map<std::string, double> all;
  for (const auto& [name, value] : object.as_object()) all[std::string(name)] = number(value);
  return all;
}

fs::path path_of(const fs::path& folder, const CellKey& key) { return folder / (key.hash().substr(0, 32) + ".json"); }

Cell parsed(const json::object& all, const CellKey& key) {
  if (all.at("key").as_object() != object_of(key)) throw core::Error("it is of another cell", "remove it");
  Cell cell;
  cell.key = key;
  cell.outcome = std::string(all.at("outcome").as_string());
  cell.story = std::string(all.at("story").as_string());
  cell.improves = std::string(all.at("improves").as_string());
  cell.first = number(all.at("first"));
  cell.last = number(all.at("last"));
  cell.scores = numbers_of(all.at("scores"));
  cell.times = numbers_of(all.at("times"));
  for (const auto& [name, value] : all.at("made").as_object())
    cell.made[std::string(name)] = std::string(value.as_string());
  return cell;
}

}  // namespace

std::string CellKey::hash() const { return core::sha256_hex(json::serialize(object_of(*this))); }

std::string CellKey::told() const {
  return fmt::format("{} on {}, seed {}", kind == "random" ? "first weights (" + probe + ")" : method, encoder, seed);
}

void write_cell(const fs::path& folder, const Cell& cell) {
  json::object made;
  for (const auto& [name, text] : cell.made) made[name] = text;
  const json::object all{
      {"key", object_of(cell.key)},       {"outcome", cell.outcome},        {"story", cell.story},
      {"improves", cell.improves},        {"first", number(cell.first)},    {"last", number(cell.last)},
      {"scores", object_of(cell.scores)}, {"times", object_of(cell.times)}, {"made", made}};
  core::publish_file(path_of(folder, cell.key), std::string_view(json::serialize(all) + "\n"));
}

std::optional<Cell> read_cell(const fs::path& folder, const CellKey& key) {
  const fs::path path = path_of(folder, key);
  if (!fs::exists(path)) return std::nullopt;
  return core::with_context("read cell " + path.filename().string(), [&] {
    try {
      return parsed(json::parse(core::read_text(path)).as_object(), key);
    } catch (const core::Error&) {
      throw;
    } catch (const std::exception&) {
      throw core::Error("it is damaged", "remove it: it is measured again then");
    }
  });
}

}  // namespace pipelines
