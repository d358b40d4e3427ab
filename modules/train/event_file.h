#pragma once
// Scalars and pictures for TensorBoard: records of TFRecord (length, masked CRC-32C, bytes, masked CRC-32C) that each
// hold one tensorflow.Event, written without any protobuf library.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace train {

// CRC-32C (Castagnoli); of "123456789" it is 0xe3069283.
std::uint32_t crc32c(std::string_view bytes);

// One file a start of a run: TensorBoard reads all of a folder as one. Losing its last lines does no harm, so nothing
// is synced. Not shared between threads. Failing to write is not an Error: the numbers are in metrics.csv too.
class EventFile {
 public:
  // Makes FOLDER/events.out.tfevents.<time>.<host-free name>. With `first_step` > 0 it tells TensorBoard to drop what
  // earlier files hold from that step on.
  EventFile(const std::filesystem::path& folder, std::int64_t first_step);

  void scalar(const std::string& name, std::int64_t step, double value);
  // `png`: the bytes of a PNG of this size, RGB.
  void picture(const std::string& name, std::int64_t step, std::int64_t width, std::int64_t height,
               const std::string& png);
  void flush() { file_.flush(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  void write(const std::string& event);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace train
