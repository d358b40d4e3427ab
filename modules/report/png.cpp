#include "report/png.h"

#include <png.h>

#include <csetjmp>
#include <string>

#include "core/error.h"

namespace report {
namespace {

// libpng leaves by longjmp, so that nothing with a destructor may be made between here and its return.
struct Sink {
  std::vector<std::byte> bytes;
  char reason[128] = "";
};

void on_bytes(png_structp png, png_bytep data, png_size_t size) {
  auto& bytes = static_cast<Sink*>(png_get_io_ptr(png))->bytes;
  const auto* const first = reinterpret_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), first, first + size);
}

void on_flush(png_structp) {}

void on_error(png_structp png, png_const_charp message) {
  std::snprintf(static_cast<Sink*>(png_get_error_ptr(png))->reason, sizeof Sink::reason, "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

bool write(const Picture& picture, int level, Sink& sink, png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_write_fn(png, &sink, on_bytes, on_flush);
  const int colour = picture.channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : picture.channels == 3 ? PNG_COLOR_TYPE_RGB
                                             : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), 8, colour,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, level);
  png_write_info(png, info);
  for (std::int64_t row = 0; row < picture.height; ++row) png_write_row(png, picture.pixel(0, row));
  png_write_end(png, info);
  return true;
}

}  // namespace

std::vector<std::byte> png_bytes(const Picture& picture, int level) {
  GADOLIN_CHECK(static_cast<std::int64_t>(picture.bytes.size()) == picture.width * picture.height * picture.channels);
  Sink sink;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  const bool written = info != nullptr && write(picture, level, sink, png, info);
  png_destroy_write_struct(&png, &info);
  if (!written) throw core::Error(std::string("write a PNG: ") + sink.reason);
  return std::move(sink.bytes);
}

}  // namespace report
