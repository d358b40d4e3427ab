#pragma once
// A store that prepare has made: what training, embedding and prediction read.

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "prepare/plan.h"
#include "store/reader.h"

namespace pipelines {

struct PreparedStore {
  std::shared_ptr<const store::Reader> reader;
  prepare::Plan plan;
  std::vector<std::string> channels() const;  // by place in the tensor
  // Of the prepared grid, {d, h, w}; where the plan leaves each case its own, that of the first case.
  std::array<double, 3> spacing_mm() const;
};

// Throws usage Error for a raw store, with the command to type first, and for an empty one; Error when it is damaged.
PreparedStore open_prepared(const std::filesystem::path& folder, store::ReaderOptions options = {});

}  // namespace pipelines
