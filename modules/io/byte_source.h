#pragma once
// The bytes of a part of a file, unpacked on the way, with every promise checked: the length, and for packed bytes
// the checksum at their end. Not shared between threads. Throws Error [FILE_MISSING], [TRUNCATED] or [CHECKSUM].

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace io {

enum class Packing { kPlain, kGzip, kZlib };

// kGzip when the file begins with gzip's magic, else kPlain.
Packing packing_of(const std::filesystem::path& path);

class ByteSource {
 public:
  // From byte `begin` of the file to its end, or for at most `length` bytes of the file.
  ByteSource(const std::filesystem::path& path, Packing packing, std::uint64_t begin = 0,
             std::uint64_t length = UINT64_MAX);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `target` or throws [TRUNCATED].
  void read(std::span<std::byte> target);
  void skip(std::uint64_t count);
  // Unpacks to the end and compares the checksum. At most 16 MiB more than was asked for may follow.
  void finish();

  Packing packing() const;
  // Throws [`reason`] when fewer than `bytes` can still come: exact for plain bytes, by deflate's best ratio (1032) for
  // packed ones. Ask before allocating what a header promises.
  void promise(std::uint64_t bytes, std::string_view reason) const;

 private:
  struct State;
  std::size_t some(std::span<std::byte> target);  // 0 at the end
  std::unique_ptr<State> state_;
};

// Turns the byte order of each word of `width` bytes.
void swap_bytes(std::span<std::byte> bytes, std::size_t width);

}  // namespace io
