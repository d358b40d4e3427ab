#pragma once
// Text of unknown origin (file names, report texts, settings) made harmless inside HTML and SVG.

#include <string>
#include <string_view>

namespace report {

// & < > " ' become entities; bytes that are no UTF-8 and control characters become U+FFFD (line feed and tab stay).
// Good for text and for quoted attributes.
std::string escaped(std::string_view text);

}  // namespace report
