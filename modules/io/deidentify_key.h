#pragma once
// The secret that names are made with: 32 random bytes. What stands in an archive for a person, a UID or a date is made
// from the original by HMAC-SHA256 with it, so the same original always gets the same name, on any machine and with any
// number of workers, and nobody without the key can tell whose it is, not even by trying every PatientID.
//
// A plain value; safe from many threads. Whoever has it can check guesses: it belongs in a file of mode 0600 that never
// travels with the data.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace io {

class DeidKey {
 public:
  using Bytes = std::array<std::uint8_t, 32>;

  explicit DeidKey(const Bytes& bytes) : bytes_(bytes) {}
  // From the system's source of random numbers.
  static DeidKey random();
  // For what is not kept (a look, a prediction beside the images): names stay the same from run to run, and are no
  // protection from somebody who can guess the original.
  static const DeidKey& known_to_all();

  // The text file that save() makes. Throws usage Error: not there, no key, a newer version. One that others may read
  // is told in the log.
  static DeidKey read(const std::filesystem::path& path);
  // Mode 0600, whole or not there. Throws Error; never replaces a file.
  void save(const std::filesystem::path& path) const;

  // The letter and 16 digits. Different kinds never share one.
  std::string pseudonym(char kind, std::string_view original) const;
  // "2.25." and the first 128 bits as UUID version 8, decimal: at most 44 characters.
  std::string uid(std::string_view original) const;
  // How far the dates of this patient (a pseudonym) move: 1 to 3650 whole days into the past, so that intervals stay.
  int date_shift_days(std::string_view patient) const;
  // 16 digits that tell keys apart and say nothing else of them.
  std::string fingerprint() const;

  const Bytes& bytes() const { return bytes_; }  // for a worker process of our own; never on a command line

 private:
  std::array<std::uint8_t, 32> digest(std::string_view kind, std::string_view text) const;
  Bytes bytes_;
};

}  // namespace io
