#pragma once
// Files that are either whole or not there, whenever the process is killed.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace core {

// Runs `write` on a temporary name in the folder of `path`, then fsyncs the file, renames it to `path` and fsyncs the
// folder. Makes the folder. When `write` throws or the disk is full the temporary is removed, `path` is as before, and
// an Error tells why.
void publish_file(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write);
// The same for bytes at hand.
void publish_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void publish_file(const std::filesystem::path& path, std::string_view text);

// The same for a new folder of files: `write` fills it under a temporary name. Throws Error when `path` is there.
void publish_folder(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write);

// The whole file as text. Throws Error when it cannot be read or is larger than `cap_bytes`.
std::string read_text(const std::filesystem::path& path, std::size_t cap_bytes = std::size_t{64} << 20);

// True for the temporary names of publish_file; what a killed process left behind may be removed by the folder's next
// owner.
bool is_temporary(const std::filesystem::path& path);

}  // namespace core
