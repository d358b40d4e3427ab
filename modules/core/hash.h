#pragma once
// SHA-256 (FIPS 180-4) and its keyed form (HMAC, RFC 2104), from OpenSSL.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace core {

// Incremental; not shared between threads.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  std::array<std::uint8_t, 32> digest();  // ends the computation
  std::string hex();                      // the digest as 64 lower-case digits; ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hex(std::span<const std::uint8_t> bytes);  // lower case
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);
std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::uint8_t> key, std::string_view text);
// Streams the file. Throws Error when it cannot be read.
std::string sha256_file_hex(const std::filesystem::path& path);

}  // namespace core
