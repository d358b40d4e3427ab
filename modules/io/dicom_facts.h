#pragma once
// What a header tells of the acquisition, free of identity: numbers and words of the standard under plain names, each
// told once in dicom_facts.cpp. Classic images and frames of enhanced ones (PS3.3 C.8.13, C.8.15, C.8.22) tell the
// same.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_attributes.h"

namespace io {

using Facts = std::map<std::string, std::string>;

Facts facts_of(const FrameAttributes& from);
// What stands in private attributes (dicom_vendor.cpp); does not overwrite what is there.
void add_private_facts(const FrameAttributes& from, Facts& facts);

// Numbers as text with the fewest digits, several with slashes between them. Nothing is added where there is no number.
void add_numbers(Facts& facts, const std::string& name, const std::vector<double>& values);

// The facts that may part the slices of a series into volumes (times, echoes, b-values), the surest first.
std::span<const char* const> parting_facts();

}  // namespace io
