#include "io/deidentify_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "io/dicom_toolkit.h"

namespace io {
namespace {

constexpr std::string_view kMagic = "gadolin deid key 1\n";
constexpr int kLongestShiftDays = 3650;

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

core::Error no_key(const std::filesystem::path& path, const std::string& why) {
  return core::usage_error("the key " + path.filename().string() + " " + why,
                           "give the file that gadolin made, or its copy: it cannot be made again");
}

void write_private(const std::filesystem::path& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool done = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int problem = errno;
  if (file >= 0) ::close(file);
  if (!done) throw core::Error(std::string("cannot write the key: ") + std::strerror(problem));
}

}  // namespace

DeidKey DeidKey::random() {
  Bytes bytes{};
  GADOLIN_CHECK(::getentropy(bytes.data(), bytes.size()) == 0);
  return DeidKey(bytes);
}

const DeidKey& DeidKey::known_to_all() {
  static const DeidKey key{Bytes{}};
  return key;
}

DeidKey DeidKey::read(const std::filesystem::path& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) throw no_key(path, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(about.st_mode) || about.st_size > 4096) throw no_key(path, "is no key");
  if ((about.st_mode & 077) != 0)
    core::log_warn("others may read or change the key " + path.filename().string() + ": chmod 600 keeps them out");
  std::string text = core::read_text(path);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (!text.starts_with(kMagic)) {
    const bool newer = text.starts_with(kMagic.substr(0, kMagic.size() - 2));
    throw no_key(path, newer ? "is of a version that this gadolin does not know" : "is no key");
  }
  const std::string_view digits = std::string_view(text).substr(kMagic.size());
  Bytes bytes{};
  if (digits.size() != 2 * bytes.size()) throw no_key(path, "is damaged: 64 digits are expected");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);
    if (high < 0 || low < 0) throw no_key(path, "is damaged: 64 digits are expected");
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (bytes == Bytes{}) throw no_key(path, "is no secret: it is all zeros");
  return DeidKey(bytes);
}

void DeidKey::save(const std::filesystem::path& path) const {
  if (std::filesystem::exists(path)) throw no_key(path, "is there already and is never replaced");
  core::publish_file(path, [&](const std::filesystem::path& temporary) {
    write_private(temporary, std::string(kMagic) + core::hex(bytes_) + "\n");
  });
}

std::array<std::uint8_t, 32> DeidKey::digest(std::string_view kind, std::string_view text) const {
  std::string whole = "gadolin ";
  whole.append(kind).append("\n").append(text);
  return core::hmac_sha256(bytes_, whole);
}

// The slices of a series tell the same names again and again; what was asked for last is remembered.
std::string DeidKey::pseudonym(char kind, std::string_view original) const {
  struct Asked {
    Bytes key{};
    char kind = 0;
    std::string original, answer;
  };
  thread_local std::array<Asked, 64> last;
  Asked& asked = last[(static_cast<unsigned char>(kind) + std::hash<std::string_view>()(original)) % last.size()];
  if (asked.kind != kind || asked.key != bytes_ || asked.original != original) {
    const std::string answer = kind + core::hex(digest(std::string("name ") + kind, original)).substr(0, 16);
    asked = {bytes_, kind, std::string(original), answer};
  }
  return asked.answer;
}

std::string DeidKey::uid(std::string_view original) const { return uid_of_digest(digest("uid", original)); }

int DeidKey::date_shift_days(std::string_view patient) const {
  const auto bytes = digest("days", patient);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | bytes[i];
  return -1 - static_cast<int>(number % kLongestShiftDays);
}

std::string DeidKey::fingerprint() const { return core::hex(digest("fingerprint", "")).substr(0, 16); }

}  // namespace io
