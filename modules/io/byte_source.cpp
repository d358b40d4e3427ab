#include "io/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <vector>

#include "io/reject.h"

namespace io {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::uint64_t kTail = std::uint64_t{16} << 20;
constexpr std::uint64_t kBestRatio = 1032;
constexpr const char* kAgain = "the file is incomplete or damaged; copy or download it again";

}  // namespace

struct ByteSource::State {
  std::ifstream file;
  Packing packing = Packing::kPlain;
  std::uint64_t left = 0;  // bytes of the file not read yet
  std::uint64_t given = 0;
  std::vector<std::byte> input;
  z_stream stream{};
  bool inflating = false;
  bool ended = false;

  ~State() {
    if (inflating) inflateEnd(&stream);
  }

  // Refills the input of the decoder; false at the end of the file.
  bool refill() {
    const std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
    if (now == 0) return false;
    if (!file.read(reinterpret_cast<char*>(input.data()), static_cast<std::streamsize>(now)))
      throw reject("TRUNCATED", "the file cannot be read to its end", kAgain);
    left -= now;
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(now);
    return true;
  }

  // What follows a finished gzip member: another member, padding with zeros, or the end.
  void next_member() {
    for (;;) {
      if (stream.avail_in == 0 && !refill()) {
        ended = true;
        return;
      }
      if (*stream.next_in != 0) break;
      ++stream.next_in;
      --stream.avail_in;
    }
    if (packing == Packing::kZlib || *stream.next_in != 0x1f)
      throw reject("CHECKSUM", "there are bytes behind the end of the compressed data", kAgain);
    inflateReset(&stream);
  }
};

Packing packing_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 2> magic{};
  file.read(magic.data(), 2);
  return file && magic[0] == '\x1f' && magic[1] == '\x8b' ? Packing::kGzip : Packing::kPlain;
}

ByteSource::ByteSource(const std::filesystem::path& path, Packing packing, std::uint64_t begin, std::uint64_t length)
    : state_(std::make_unique<State>()) {
  std::error_code failed;
  const std::uint64_t size = std::filesystem::file_size(path, failed);
  if (!failed && std::filesystem::is_regular_file(path, failed)) state_->file.open(path, std::ios::binary);
  if (!state_->file.is_open())
    throw reject("FILE_MISSING", "file " + path.filename().string() + " is not there or cannot be opened",
                 "check the path and the permissions");
  if (begin > size) throw reject("TRUNCATED", "the file ends before its data begin", kAgain);
  state_->packing = packing;
  state_->left = std::min(length, size - begin);
  state_->file.seekg(static_cast<std::streamoff>(begin));
  if (packing == Packing::kPlain) return;
  state_->input.resize(kBlock);
  GADOLIN_CHECK(inflateInit2(&state_->stream, packing == Packing::kGzip ? 15 + 16 : 15) == Z_OK);
  state_->inflating = true;
}

ByteSource::~ByteSource() = default;

Packing ByteSource::packing() const { return state_->packing; }

void ByteSource::promise(std::uint64_t bytes, std::string_view reason) const {
  std::uint64_t most = state_->left;
  // What the decoder has taken in but not given out yet is at most a window and a match.
  if (state_->packing != Packing::kPlain) {
    const std::uint64_t packed = most + state_->stream.avail_in + 64;
    most = packed > UINT64_MAX / kBestRatio - kBlock ? UINT64_MAX : packed * kBestRatio + 65536;
  }
  if (bytes <= most) return;
  throw reject(reason,
               "the header promises " + std::to_string(bytes) + " bytes of voxels, the file cannot hold more than " +
                   std::to_string(most),
               kAgain);
}

std::size_t ByteSource::some(std::span<std::byte> target) {
  State& s = *state_;
  if (target.empty()) return 0;
  if (s.packing == Packing::kPlain) {
    const std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(s.left, target.size()));
    if (now > 0 && !s.file.read(reinterpret_cast<char*>(target.data()), static_cast<std::streamsize>(now)))
      throw reject("TRUNCATED", "the file cannot be read to its end", kAgain);
    s.left -= now;
    return now;
  }
  const uInt room = static_cast<uInt>(std::min<std::size_t>(target.size(), std::size_t{1} << 30));
  s.stream.next_out = reinterpret_cast<Bytef*>(target.data());
  s.stream.avail_out = room;
  while (!s.ended && s.stream.avail_out == room) {
    if (s.stream.avail_in == 0 && !s.refill())
      throw reject("TRUNCATED", "the compressed data end before their last block", kAgain);
    const int code = inflate(&s.stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      s.next_member();
    } else if (code == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      const std::string why = s.stream.msg != nullptr ? s.stream.msg : "no gzip data";
      throw reject("CHECKSUM", "the compressed data are damaged (" + why + ")", kAgain);
    }
  }
  return room - s.stream.avail_out;
}

void ByteSource::read(std::span<std::byte> target) {
  for (std::size_t done = 0; done < target.size();) {
    const std::size_t now = some(target.subspan(done));
    if (now == 0) {
      throw reject("TRUNCATED",
                   "the data end after " + std::to_string(state_->given) + " bytes, at least " +
                       std::to_string(state_->given + target.size() - done) + " are promised",
                   kAgain);
    }
    done += now;
    state_->given += now;
  }
}

void ByteSource::skip(std::uint64_t count) {
  State& s = *state_;
  if (s.packing == Packing::kPlain && count <= s.left) {
    s.file.seekg(static_cast<std::streamoff>(count), std::ios::cur);
    s.left -= count;
    s.given += count;
    return;
  }
  std::vector<std::byte> waste(static_cast<std::size_t>(std::min<std::uint64_t>(count, kBlock)));
  while (count > 0) {
    const std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(count, waste.size()));
    read(std::span(waste).first(now));
    count -= now;
  }
}

void ByteSource::finish() {
  if (state_->packing == Packing::kPlain) return;
  std::vector<std::byte> waste(kBlock);
  std::uint64_t tail = 0;
  while (const std::size_t now = some(waste)) {
    tail += now;
    if (tail > kTail)
      throw reject("LENGTH", "much more compressed data follow than the header promises",
                   "the header is damaged; export the image again");
  }
}

void swap_bytes(std::span<std::byte> bytes, std::size_t width) {
  const auto each = [&]<class Word>(Word, Word (*turned)(Word)) {
    for (std::size_t at = 0; at + sizeof(Word) <= bytes.size(); at += sizeof(Word)) {
      Word word;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      word = turned(word);
      std::memcpy(bytes.data() + at, &word, sizeof word);
    }
  };
  GADOLIN_CHECK(width == 1 || width == 2 || width == 4 || width == 8);
  using Two = std::uint16_t;
  using Four = std::uint32_t;
  using Eight = std::uint64_t;
  if (width == 2)
    each(
        Two{}, +[](Two w) { return __builtin_bswap16(w); });
  if (width == 4)
    each(
        Four{}, +[](Four w) { return __builtin_bswap32(w); });
  if (width == 8)
    each(
        Eight{}, +[](Eight w) -> Eight { return __builtin_bswap64(w); });
}

}  // namespace io
