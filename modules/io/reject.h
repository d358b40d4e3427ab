#pragma once
// Inputs that are turned away, with a code that programs can count: the last word of the story, in brackets:
// "read a.nii.gz: voxel data ends after 700 of 1376 bytes [TRUNCATED]". The codes are listed in REASONS.md.

#include <string>
#include <string_view>

#include "core/error.h"

namespace io {

// The same as a value that can be kept and sent.
struct Refusal {
  std::string code, story, hint;
};

core::Error reject(std::string_view reason, const std::string& cause, std::string hint = "");

// Parted again; the code is left out of the story.
Refusal refusal_of(const core::Error& error);

// The code of an Error made by reject(), wherever it climbed since; "OTHER" when it has none.
std::string reason_of(const core::Error& error);

}  // namespace io
