#pragma once
// Shapes of text in a picture: rows of small, thin, sharp-edged shapes of one height on one line, as burned-in
// annotations are and anatomy hardly ever is. Cheap, so that every slice can be looked at; reading what the shapes say
// is for others (burned_look.h). Upright text of 7 to 80 rows in height, bright or dark. Pure, safe from many threads.

#include <vector>

#include "io/gray_picture.h"

namespace io {

// Where a row of shapes lies, in rows and columns of the picture.
struct TextLine {
  int row = 0, column = 0, height = 0, width = 0;
  int glyphs = 0;     // shapes that stand on one line
  int value = 0;      // most of them have it where they are brightest; dark ones turned over
  double flat = 0;    // share of their pixels that have one value, within 2 %: text is drawn with one
  double even = 0;    // share of the shapes whose brightest (darkest) pixel has one value, within 3 %
  double score = 0;   // larger is more like text
  bool dark = false;  // darker than what is around it
  int factor = 1;     // how often the picture was halved when it was found
};

// The most text-like first.
std::vector<TextLine> lines_like_text(const GrayPicture& picture);

// A line and what is beside it as black on white, letters 32 rows high: all that stands out from its surroundings or,
// with `letters_alone`, shapes that stand on the line and have the value of its letters.
GrayPicture strokes_of(const GrayPicture& picture, const TextLine& line, bool letters_alone);

}  // namespace io
