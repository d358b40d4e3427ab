#include "pipelines/store_options.h"

#include "core/error.h"

namespace pipelines {

void add_compression(CLI::App& app, int& compression) {
  app.add_option("--compression", compression,
                 "of the store: 0 none, the fastest to read; 1 LZ4; 3 to 12 LZ4 HC, smaller and slower to write")
      ->check(CLI::Range(0, store::kMostCompression))
      ->capture_default_str();
}

store::ReaderOptions reader_options(const std::string& verify) {
  if (verify == "always") return {true, store::Verify::kAlways};
  if (verify == "first") return {true, store::Verify::kFirst};
  if (verify == "never") return {false, store::Verify::kNever};
  throw core::usage_error("'" + verify + "' is no way to verify a store", "there are always, first and never");
}

}  // namespace pipelines
