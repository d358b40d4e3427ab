#include "pipelines/versions.h"

#include <H5public.h>

#include <boost/version.hpp>

namespace pipelines {

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::vector<std::pair<std::string, std::string>> versions{{"gadolin", GADOLIN_VERSION}, {"compiler", __VERSION__}};
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  versions.emplace_back("HDF5", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release));
  versions.emplace_back("Boost",
                        std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000));
#ifdef GADOLIN_TORCH_VERSION
  versions.emplace_back("LibTorch", GADOLIN_TORCH_VERSION);
#endif
  return versions;
}

}  // namespace pipelines
