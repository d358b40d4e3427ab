#include "pipelines/bench_npy.h"

#include <fstream>

#include "core/error.h"

namespace pipelines {

void write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape, const std::string& type,
               std::span<const std::byte> bytes) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t side : shape) header += std::to_string(side) + ",";
  header += "), }";
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw core::Error("bench: cannot write " + path.filename().string());
}

}  // namespace pipelines
