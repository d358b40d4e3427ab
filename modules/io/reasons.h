#pragma once
// Every code with which an input is refused, noted or flagged, said once: REASONS.md is made from this table
// (`gadolin config reasons`), the pages of ingest take meaning and advice from it. A code that is not here fails
// tests/io/reasons_test.cpp.

#include <span>
#include <string>
#include <string_view>

namespace io {

struct Reason {
  enum class Kind {
    kRefused,  // no case comes of it
    kNoted,    // read, with a note
    kFlagged,  // read; quality control asks a person to look
  };
  Kind kind;
  std::string_view code;
  std::string_view meaning;
  std::string_view advice;  // what to do
};

// By kind, then by code.
std::span<const Reason> reasons();
// nullptr for a code that is not in the table.
const Reason* find_reason(std::string_view code);
// REASONS.md.
std::string reasons_page();

}  // namespace io
