#include "train/event_file.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

namespace train {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <class T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

// A field of a protobuf message: its number and wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes).
std::string key(std::uint64_t number, std::uint64_t wire) { return varint(number << 3 | wire); }
std::string text_field(std::uint64_t number, const std::string& text) {
  return key(number, 2) + varint(text.size()) + text;
}

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// tensorflow.Event: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7.
std::string event(std::int64_t step, const std::string& content) {
  return key(1, 1) + little_endian(now_s()) + key(2, 0) + varint(static_cast<std::uint64_t>(step)) + content;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0u;
  for (const char each : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(each)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t first_step) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  // TensorBoard reads the files of a folder in the order of their names.
  int count = 0;
  do {
    path_ = folder / ("events.out.tfevents." + std::to_string(static_cast<std::int64_t>(now_s())) + "." +
                      std::to_string(::getpid()) + "." + std::to_string(count++) + ".gadolin");
  } while (std::filesystem::exists(path_, ignored));
  file_.open(path_, std::ios::binary);
  write(event(0, text_field(3, "brain.Event:2")));
  // SessionLog{status = START}
  if (first_step > 0) write(event(first_step, text_field(7, key(1, 0) + varint(1))));
}

void EventFile::scalar(const std::string& name, std::int64_t step, double value) {
  const std::string one = text_field(1, name) + key(2, 5) + little_endian(static_cast<float>(value));
  write(event(step, text_field(5, text_field(1, one))));
}

// Summary.Value: tag = 1, image = 4; Summary.Image: height = 1, width = 2, colorspace = 3 (3: RGB), encoded = 4.
void EventFile::picture(const std::string& name, std::int64_t step, std::int64_t width, std::int64_t height,
                        const std::string& png) {
  const std::string image = key(1, 0) + varint(static_cast<std::uint64_t>(height)) + key(2, 0) +
                            varint(static_cast<std::uint64_t>(width)) + key(3, 0) + varint(3) + text_field(4, png);
  write(event(step, text_field(5, text_field(1, text_field(1, name) + text_field(4, image)))));
}

void EventFile::write(const std::string& event) {
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  file_ << length << little_endian(masked(crc32c(length))) << event << little_endian(masked(crc32c(event)));
}

}  // namespace train
