#pragma once
// Names and versions of gadolin and of the libraries this build uses; every artefact records them.

#include <string>
#include <utility>
#include <vector>

namespace pipelines {

std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace pipelines
