#pragma once
// What several commands ask of a store, said once.

#include <CLI/CLI.hpp>
#include <string>

#include "store/reader.h"

namespace pipelines {

// --compression: see store::Layout.
void add_compression(CLI::App& app, int& compression);

// "always", "first" or "never". Throws usage Error for another word. Never trusts the disk: shards are not compared
// with the manifest either.
store::ReaderOptions reader_options(const std::string& verify);

}  // namespace pipelines
