#include "runtime/archive.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace runtime {
namespace {

constexpr std::uint64_t kHeaderCapBytes = 100'000'000;
constexpr std::size_t kDimensionCap = 16;
constexpr std::string_view kHash = "sha256";
const char* const kFetchAgain = "the file was cut or damaged; copy it again or go back to an earlier one";

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr std::array<TypeName, 13> kTypes{{{at::kFloat, "F32"},
                                           {at::kDouble, "F64"},
                                           {at::kHalf, "F16"},
                                           {at::kBFloat16, "BF16"},
                                           {at::kLong, "I64"},
                                           {at::kInt, "I32"},
                                           {at::kShort, "I16"},
                                           {at::kChar, "I8"},
                                           {at::kByte, "U8"},
                                           {at::kBool, "BOOL"},
                                           {at::kUInt16, "U16"},
                                           {at::kUInt32, "U32"},
                                           {at::kUInt64, "U64"}}};

const char* type_name(at::ScalarType type) {
  for (const TypeName& each : kTypes) {
    if (each.type == type) return each.name;
  }
  throw core::Error(std::string("an archive cannot hold tensors of type ") + c10::toString(type));
}

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::string(text)); }

std::string_view bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

// Header (its length in front) and tensors in the order of the file, ready to write.
struct Layout {
  std::string header;
  std::vector<at::Tensor> tensors;
};

Layout lay_out(const Archive& archive) {
  std::vector<std::pair<std::string, at::Tensor>> items;
  for (const auto& [name, tensor] : archive.tensors) {
    GADOLIN_CHECK(tensor.defined() && name != "__metadata__");
    items.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  // Wide types first, so that every tensor lies at a multiple of its own size.
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  std::string json = "{\"__metadata__\":{";
  for (const auto& [key, value] : archive.facts) {
    GADOLIN_CHECK(key != kHash);
    json += quoted(key) + ":" + quoted(value) + ",";
  }
  json += "\"" + std::string(kHash) + "\":\"";
  const std::size_t hash_at = 8 + json.size();
  json += std::string(64, '0') + "\"}";
  Layout layout;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : items) {
    json += "," + quoted(name) + ":{\"dtype\":\"" + type_name(tensor.scalar_type()) + "\",\"shape\":[";
    for (std::int64_t i = 0; i < tensor.dim(); ++i) json += (i ? "," : "") + std::to_string(tensor.size(i));
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + tensor.nbytes()) + "]}";
    offset += tensor.nbytes();
    layout.tensors.push_back(tensor);
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  if (json.size() > kHeaderCapBytes) throw core::Error("the archive's header would be larger than 100 MB");
  const std::uint64_t length = json.size();
  for (int i = 0; i < 8; ++i) layout.header += static_cast<char>(length >> (8 * i));
  layout.header += json;
  core::Sha256 hash;
  hash.update(layout.header);
  for (const at::Tensor& tensor : layout.tensors) hash.update(bytes_of(tensor));
  layout.header.replace(hash_at, 64, hash.hex());
  return layout;
}

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

core::Error damaged(const std::string& what) { return core::Error("not a sound archive: " + what, kFetchAgain); }

std::uint64_t natural(const boost::json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  throw damaged("a size is no whole number");
}

Entry read_entry(const std::string& name, const boost::json::value& value) {
  if (!value.is_object()) throw damaged("tensor '" + name + "' has no description");
  const auto* const type = value.get_object().if_contains("dtype");
  const auto* const shape = value.get_object().if_contains("shape");
  const auto* const offsets = value.get_object().if_contains("data_offsets");
  if (!type || !type->is_string() || !shape || !shape->is_array() || !offsets || !offsets->is_array() ||
      offsets->get_array().size() != 2 || shape->get_array().size() > kDimensionCap) {
    throw damaged("tensor '" + name + "' lacks dtype, shape or data_offsets");
  }
  const std::string word(type->get_string());
  const auto* const known =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& each) { return word == each.name; });
  if (known == kTypes.end()) throw core::Error("tensor '" + name + "' has the unknown type " + word);
  Entry entry{name, known->type, {}, natural(offsets->get_array()[0]), natural(offsets->get_array()[1])};
  std::uint64_t bytes = c10::elementSize(entry.type);
  for (const auto& size : shape->get_array()) {
    const std::uint64_t extent = natural(size);
    if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
        __builtin_mul_overflow(bytes, extent, &bytes)) {
      throw damaged("tensor '" + name + "' is too large");
    }
    entry.shape.push_back(static_cast<std::int64_t>(extent));
  }
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    throw damaged("tensor '" + name + "' has another size than its shape says");
  }
  return entry;
}

// The tensors must fill the rest of the file, without a hole and without an overlap.
void check_cover(std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) throw damaged("tensor '" + entry.name + "' is not where it should be");
    at = entry.end;
  }
  if (at != data_bytes) {
    throw damaged("its header promises " + std::to_string(at) + " bytes of tensors, the file has " +
                  std::to_string(data_bytes));
  }
}

std::map<std::string, std::string> read_facts(const boost::json::value& value) {
  if (!value.is_object()) throw damaged("its facts are no text");
  std::map<std::string, std::string> facts;
  for (const auto& [key, fact] : value.get_object()) {
    if (!fact.is_string()) throw damaged("fact '" + std::string(key) + "' is no text");
    facts[std::string(key)] = std::string(fact.get_string());
  }
  return facts;
}

// `sound`: its hash is right. Then it is what it says, and no damage.
core::Error other_format(const std::string& wanted, const std::string& found, bool sound) {
  const bool relative = sound && found.starts_with(wanted.substr(0, wanted.rfind('-') + 1));
  return core::Error("this is no file of format " + wanted + (found.empty() ? "" : ": it says " + found),
                     relative ? "another version of gadolin wrote it: use that one" : "",
                     sound ? core::Exit::kUsage : core::Exit::kNothingUsable);
}

// Of a header every object in an object has its members counted here, and every ':' outside of texts there: a key that
// came twice was parsed once.
std::size_t members(const boost::json::value& header) {
  std::size_t count = header.get_object().size();
  for (const auto& [name, value] : header.get_object()) {
    if (value.is_object()) count += value.get_object().size();
  }
  return count;
}

std::size_t colons(std::string_view json) {
  std::size_t count = 0;
  bool text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (text && json[i] == '\\') {
      ++i;
    } else if (json[i] == '"') {
      text = !text;
    } else if (!text && json[i] == ':') {
      ++count;
    }
  }
  return count;
}

// Gives `count` bytes from `offset` of the file or memory.
using Source = std::function<void(std::uint64_t offset, char* to, std::size_t count)>;

std::uint64_t read_header_length(const Source& source, std::uint64_t size) {
  std::array<char, 8> raw{};
  if (size < 8) throw damaged("it is shorter than 8 bytes");
  source(0, raw.data(), raw.size());
  std::uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
  if (length > kHeaderCapBytes || length > size - 8) throw damaged("its header is cut short");
  return length;
}

// The header's hash must be the one of everything, itself taken for zeros.
void check_hash(std::string header, std::uint64_t length, const std::string& hash, const Archive& archive,
                const std::vector<Entry>& entries) {
  const std::string mark = "\"" + std::string(kHash) + "\":\"" + hash + "\"";
  const std::size_t at = header.find(mark);
  if (hash.size() != 64 || at == std::string::npos) throw damaged("its hash is unreadable");
  header.replace(at + kHash.size() + 4, 64, std::string(64, '0'));
  std::string front;
  for (int i = 0; i < 8; ++i) front += static_cast<char>(length >> (8 * i));
  core::Sha256 sum;
  sum.update(front);
  sum.update(header);
  for (const Entry& entry : entries) sum.update(bytes_of(archive.tensors.at(entry.name)));
  if (sum.hex() != hash) throw damaged("its bytes do not have the hash that its header names");
}

Archive read(const Source& source, std::uint64_t size, const std::string& format) {
  const std::uint64_t length = read_header_length(source, size);
  std::string header(length, '\0');
  source(8, header.data(), header.size());
  boost::system::error_code failed;
  const boost::json::value json = boost::json::parse(header, failed);
  if (failed || !json.is_object()) throw damaged("its header is no JSON object");
  if (members(json) != colons(header)) throw damaged("its header says something twice");
  Archive archive;
  std::vector<Entry> entries;
  for (const auto& [name, value] : json.get_object()) {
    if (name == "__metadata__") {
      archive.facts = read_facts(value);
    } else {
      entries.push_back(read_entry(std::string(name), value));
    }
  }
  const bool foreign = !archive.facts.contains(std::string(kHash));
  const bool other = !format.empty() && archive.facts["format"] != format;
  if (other && foreign) throw other_format(format, archive.facts["format"], false);
  check_cover(entries, size - 8 - length);
  for (const Entry& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.type));
    source(8 + length + entry.begin, static_cast<char*>(tensor.data_ptr()), tensor.nbytes());
    archive.tensors[entry.name] = tensor;
  }
  const auto hash = archive.facts.find(std::string(kHash));
  if (hash != archive.facts.end()) {
    check_hash(std::move(header), length, hash->second, archive, entries);
    archive.facts.erase(hash);
    // Once the hash is right: a flipped bit must not look like another version.
    if (other) throw other_format(format, archive.facts["format"], true);
  } else if (!format.empty()) {
    throw damaged("its hash is missing");
  }
  return archive;
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags) : number(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (number < 0) throw core::Error("cannot open " + path.filename().string() + ": " + std::strerror(errno));
  }
  ~Descriptor() { ::close(number); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int number;
};

void write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t now = ::write(file, bytes.data(), bytes.size());
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) {
      throw core::Error(std::string("cannot write the archive: ") + std::strerror(errno),
                        errno == ENOSPC ? "the disk is full; free space and run the same command again" : "");
    }
    bytes.remove_prefix(static_cast<std::size_t>(now));
  }
}

}  // namespace

void write_archive(const std::filesystem::path& path, const Archive& archive) {
  const Layout layout = lay_out(archive);
  core::publish_file(path, [&](const std::filesystem::path& temporary) {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file.number, layout.header);
    for (const at::Tensor& tensor : layout.tensors) write_all(file.number, bytes_of(tensor));
  });
}

Archive read_archive(const std::filesystem::path& path, const std::string& format) {
  return core::with_context("read " + path.filename().string(), [&] {
    const Descriptor file(path, O_RDONLY);
    const off_t size = ::lseek(file.number, 0, SEEK_END);
    if (size < 0) throw core::Error("this is no regular file");
    const Source source = [&](std::uint64_t offset, char* to, std::size_t count) {
      while (count > 0) {
        const ssize_t now = ::pread(file.number, to, count, static_cast<off_t>(offset));
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) throw core::Error(std::strerror(errno));
        if (now == 0) throw damaged("it ends too early");
        to += now, offset += static_cast<std::uint64_t>(now), count -= static_cast<std::size_t>(now);
      }
    };
    return read(source, static_cast<std::uint64_t>(size), format);
  });
}

std::string pack_archive(const Archive& archive) {
  Layout layout = lay_out(archive);
  std::string bytes = std::move(layout.header);
  for (const at::Tensor& tensor : layout.tensors) bytes += bytes_of(tensor);
  return bytes;
}

Archive unpack_archive(std::string_view bytes, const std::string& format) {
  const Source source = [&](std::uint64_t offset, char* to, std::size_t count) {
    GADOLIN_CHECK(offset + count <= bytes.size());
    if (count > 0) std::memcpy(to, bytes.data() + offset, count);
  };
  return read(source, bytes.size(), format);
}

}  // namespace runtime
