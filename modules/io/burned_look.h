#pragma once
// Looks for text that is burned into pixels. Every slice is searched for shapes of text (burned_text.h), which takes a
// fraction of the time of reading it; the few most text-like places of all slices are then read by a TextReader. What
// counts: a word of three letters or digits that is read with confidence and is no harmless mark (LEFT, 10 cm), or
// shapes that are text-like beyond doubt though nobody could read them. Words never leave these functions.
//
// Seen: upright text, bright or dark, letters of 7 to 60 rows, that stands out by a fifth of the picture's range. Not
// seen: pictures of less than 80 rows or columns, handwriting, text that is turned, mirrored or three-dimensional,
// single letters, text as faint as anatomy.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "io/gray_picture.h"
#include "volume/volume.h"

namespace io {

enum class BurnedIn { kOff, kCheck };  // whether pixels are looked at

struct ReadWord {
  std::string text;
  double sure = 0;  // 0 to 100
};

// Reads lines of text, black on white. One thread.
class TextReader {
 public:
  virtual ~TextReader() = default;
  virtual std::vector<ReadWord> read(const GrayPicture& line) = 0;
};

// Who reads text in this process: `make` gives one, or nullptr when what it needs is not installed; nobody until this
// was called. Made when it is first needed, and kept. gadolin-worker calls it; gadolin itself reads no text.
using MakeTextReader = std::unique_ptr<TextReader> (*)();
void set_text_reader(MakeTextReader make);

// Over all pictures of one object or series.
class TextSearch {
 public:
  TextSearch();
  ~TextSearch();

  // Stored values as they are. Where text is, is told by the number of the slice, or as that of all
  // these slices where it is given (planes of colour).
  void look_at(const volume::Volume& slices, std::int64_t frame = -1);
  // Codes for the person: TEXT_UNREAD when nobody can read text here, so that only shapes were judged. Throws Error
  // [BURNED_IN_TEXT], which tells the slice and nothing of what is written there.
  std::vector<std::string> finish();

 private:
  struct Place;
  void keep(const GrayPicture& picture, std::int64_t slice);

  std::vector<Place> places_;  // the most text-like first
};

// [BURNED_IN_TEXT] of "a secondary capture" and its like (burned_rules.h).
core::Error usual_text(const std::string& kind);

// Of all pictures of one DICOM object, as TextSearch::finish(); an object without pixels, a segmentation and a dose
// grid have none. Colour is looked at where it is not compressed. Throws Error also [BURNED_IN_TEXT] where pixels
// cannot be looked at or text is usual for the kind, and whatever reading throws. Without a path: TEXT_UNREAD or
// nothing.
std::vector<std::string> require_no_text(const std::filesystem::path& object);

}  // namespace io
