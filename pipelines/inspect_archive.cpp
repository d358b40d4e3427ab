// Weights and checkpoints: tensors in the safetensors layout, of which only the header is read.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdint>
#include <fstream>

#include "core/error.h"
#include "pipelines/inspect_subject.h"

namespace pipelines {
namespace {

constexpr std::uint64_t kLargestHeader = std::uint64_t{100} << 20;
constexpr std::size_t kLongestFact = 200;

// The bytes of the JSON header, 0 when this is no such file.
std::uint64_t header_size(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  unsigned char raw[9] = {};
  if (!file.read(reinterpret_cast<char*>(raw), 9) || raw[8] != '{') return 0;
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | raw[i];
  return size <= kLargestHeader && size + 8 <= std::filesystem::file_size(path) ? size : 0;
}

boost::json::object header_of(const std::filesystem::path& path) {
  std::string text(header_size(path), '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(8);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(text, failed);
  if (failed || !value.is_object()) {
    throw core::Error("the header of the weights is damaged", "fetch the file again, or take an older checkpoint");
  }
  return value.as_object();
}

std::string shortened(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  if (line.size() == text.size() && text.size() <= kLongestFact) return text;
  return fmt::format("{} ... ({} characters)", line.substr(0, 60), text.size());
}

// The batch of a training that ended at it.
bool is_fault(const boost::json::object& header) {
  const auto* const facts = header.if_contains("__metadata__");
  const auto* const format =
      facts != nullptr && facts->is_object() ? facts->get_object().if_contains("format") : nullptr;
  return format != nullptr && format->is_string() && format->get_string() == "gadolin-fault-1";
}

struct Tensors {
  std::int64_t count = 0, numbers = 0;
  std::map<std::string, std::int64_t> types;  // "F32" -> tensors
  std::uint64_t end = 0;                      // of the last byte
};

Tensors tally(const boost::json::object& header, core::Table& table) {
  Tensors all;
  for (const auto& [name, about] : header) {
    if (name == "__metadata__") continue;
    const auto& tensor = about.as_object();
    std::int64_t numbers = 1;
    std::string shape;
    for (const auto& side : tensor.at("shape").as_array()) {
      numbers *= side.to_number<std::int64_t>();
      shape += (shape.empty() ? "" : " x ") + std::to_string(side.to_number<std::int64_t>());
    }
    ++all.count;
    all.numbers += numbers;
    const std::string type(tensor.at("dtype").as_string());
    ++all.types[type];
    all.end = std::max(all.end, tensor.at("data_offsets").as_array().at(1).to_number<std::uint64_t>());
    table.add({std::string(name), type, shape.empty() ? "scalar" : shape, std::to_string(numbers)});
  }
  return all;
}

}  // namespace

bool is_archive(const std::filesystem::path& path) {
  return std::filesystem::is_regular_file(path) && header_size(path) > 0;
}

Subject inspect_archive(const InspectRequest& request) {
  const boost::json::object header = header_of(request.path);
  Subject subject{"weights", {}, {{"tensor", "type", "shape", "numbers"}, {}}, "", {}};
  Tensors all;
  try {
    all = tally(header, subject.cases);
  } catch (const std::exception&) {
    throw core::Error("the header of the weights does not describe tensors", "is it a safetensors file?");
  }
  const double bytes = static_cast<double>(std::filesystem::file_size(request.path));
  subject.facts.push_back({"on disk", bytes_text(bytes), bytes});
  subject.facts.push_back(fact("tensors", all.count));
  subject.facts.push_back(fact("numbers", all.numbers));
  for (const auto& [type, count] : all.types) subject.facts.push_back(fact("of type " + type, count));
  const std::uint64_t expected = 8 + header_size(request.path) + all.end;
  if (std::filesystem::file_size(request.path) != expected) {
    throw core::Error(fmt::format("the file has {:.0f} bytes, its header promises {}", bytes, expected),
                      "it was cut short: fetch it again, or take an older checkpoint");
  }
  if (const auto* facts = header.if_contains("__metadata__"); facts != nullptr && facts->is_object()) {
    for (const auto& [name, value] : facts->as_object()) {
      const std::string text = value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
      subject.facts.push_back({std::string(name), shortened(text), value});
    }
  }
  if (is_fault(header)) {
    subject.kind = "fault";
    subject.picture = [path = request.path, header] { return fault_picture(path, header, 8 + header_size(path)); };
  }
  return subject;
}

}  // namespace pipelines
