#pragma once
// What several commands ask of a store, said once.

#include <CLI/CLI.hpp>

namespace pipelines {

// --compression: see store::Layout.
void add_compression(CLI::App& app, int& compression);

}  // namespace pipelines
