// io::DicomBytes: a window on a file, or a deflated data set unpacked under a cap.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "io/dicom_outline.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 14;
constexpr const char* kFetchAgain = "the file is incomplete or damaged; fetch it again";

}  // namespace

struct DicomBytes::State {
  int file = -1;
  std::uint64_t size = 0;
  std::uint64_t window_begin = 0;
  std::vector<std::byte> window;
  bool inflated = false;  // then the window is all there is

  ~State() {
    if (file >= 0) ::close(file);
  }

  // Reads from the file at most `target` bytes; how many came.
  std::size_t from_file(std::uint64_t begin, std::span<std::byte> target) const {
    std::size_t done = 0;
    while (done < target.size()) {
      const ssize_t now = ::pread(file, target.data() + done, target.size() - done, static_cast<off_t>(begin + done));
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) break;
      done += static_cast<std::size_t>(now);
    }
    return done;
  }
};

DicomBytes::DicomBytes(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  struct stat about {};
  state_->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state_->file < 0 || ::fstat(state_->file, &about) != 0 || !S_ISREG(about.st_mode))
    throw reject("FILE_MISSING", "the file is not there or cannot be opened", "check the path and the permissions");
  state_->size = static_cast<std::uint64_t>(about.st_size);
  if (state_->size > kLargestDicomBytes)
    throw reject("FILE_SIZE", "the file has " + std::to_string(state_->size) + " bytes, more than an image may");
}

DicomBytes::~DicomBytes() = default;

std::uint64_t DicomBytes::size() const { return state_->size; }

void DicomBytes::read(std::uint64_t begin, std::span<std::byte> target) {
  State& s = *state_;
  if (begin > s.size || target.size() > s.size - begin)
    throw reject("TRUNCATED", "the file ends in the middle of an element", kFetchAgain);
  if (target.empty()) return;
  const auto inside = [&] {
    return begin >= s.window_begin && begin - s.window_begin + target.size() <= s.window.size();
  };
  if (!inside() && target.size() <= kWindow) {
    s.window.resize(kWindow);
    s.window.resize(s.from_file(begin, s.window));
    s.window_begin = begin;
  }
  if (inside()) {
    std::memcpy(target.data(), s.window.data() + (begin - s.window_begin), target.size());
  } else if (s.from_file(begin, target) != target.size()) {
    throw reject("TRUNCATED", "the file cannot be read to its end", kFetchAgain);
  }
}

void DicomBytes::inflate_from(std::uint64_t begin) {
  State& s = *state_;
  z_stream stream{};
  GADOLIN_CHECK(inflateInit2(&stream, -15) == Z_OK);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, inflateEnd);
  std::vector<std::byte> whole;
  std::array<std::byte, 65536> input, output;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(s.from_file(begin, input));
      stream.next_in = reinterpret_cast<Bytef*>(input.data());
      begin += stream.avail_in;
      if (stream.avail_in == 0) throw reject("TRUNCATED", "the deflated data set ends early", kFetchAgain);
    }
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    code = inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      throw reject("CODEC", "the deflated data set is damaged", kFetchAgain);
    whole.insert(whole.end(), output.data(), output.data() + (output.size() - stream.avail_out));
    if (whole.size() > kLargestInflatedBytes)
      throw reject("DECOMPRESSION_LIMIT", "the deflated data set unpacks to more than an image holds");
  }
  s.size = whole.size();
  s.window = std::move(whole);
  s.window_begin = 0;
  s.inflated = true;
}

}  // namespace io
