#include "pipelines/store_options.h"

#include "store/chunk.h"

namespace pipelines {

void add_compression(CLI::App& app, int& compression) {
  app.add_option("--compression", compression,
                 "of the store: 0 none, the fastest to read; 1 LZ4; 3 to 12 LZ4 HC, smaller and slower to write")
      ->check(CLI::Range(0, store::kMostCompression))
      ->capture_default_str();
}

}  // namespace pipelines
