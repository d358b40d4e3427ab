#pragma once
// Named tensors and facts in one file, in the layout of safetensors: 8 bytes of header length (little endian), a JSON
// header, then the bytes of the tensors. Read by Python's safetensors as it is; never pickle, never code.
// What is written here also carries a SHA-256 over all of it (a fact that read_archive checks and takes out), so that
// one flipped bit anywhere is found; archives of other programs are read without one.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace runtime {

// Tensors lie on the CPU once read. Facts are the header's "__metadata__": "format" names what the file is.
struct Archive {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> facts;
};

// Published atomically; equal archives give equal bytes. Throws Error when the disk is full.
void write_archive(const std::filesystem::path& path, const Archive& archive);

// Throws Error when the file is cut short or damaged (its sizes are checked against the file's before anything is
// allocated; no name may come twice), usage Error when it is sound and holds another format than `format` (empty: any).
Archive read_archive(const std::filesystem::path& path, const std::string& format = "");

// The same to and from memory: to send to another rank. Unpacking copies.
std::string pack_archive(const Archive& archive);
Archive unpack_archive(std::string_view bytes, const std::string& format = "");

}  // namespace runtime
