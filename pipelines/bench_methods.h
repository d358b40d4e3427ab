#pragma once
// gadolin bench methods: does each method of the table learn, on patients that everyone can make?

#include <CLI/CLI.hpp>
#include <functional>

#include "core/error.h"

namespace pipelines {

// The subcommand and its options. What is returned runs it when it was asked for, and is empty otherwise.
std::function<std::function<core::Exit()>()> add_bench_methods(CLI::App& bench);

}  // namespace pipelines
