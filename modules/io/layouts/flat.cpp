// A folder of images, subfolders too: one image a case, named by its path. Files that are known to be no images
// (tables, texts) are passed over; any other becomes a case, and load() tells why it cannot be one.
#include <algorithm>
#include <array>

#include "io/format.h"
#include "io/layout.h"
#include "io/nifti_volumes.h"

namespace io {
namespace {

namespace fs = std::filesystem;

bool mine(const fs::path& path) {
  return fs::is_directory(path) || (fs::is_regular_file(path) && format_of(path) != nullptr);
}

bool beside_images(const fs::path& file) {
  static constexpr std::array<std::string_view, 17> kKnown{".txt",  ".csv", ".tsv",    ".json",   ".md",  ".yaml",
                                                           ".yml",  ".xml", ".bval",   ".bvec",   ".img", ".raw",
                                                           ".zraw", ".log", ".img.gz", ".raw.gz", ".html"};
  const std::string name = file.filename().string();
  if (name.front() == '.' || has_extension(file, kKnown)) return true;
  static constexpr std::array<std::string_view, 5> kPapers{"LICENSE", "LICENCE", "README", "COPYING", "CHANGES"};
  return std::any_of(kPapers.begin(), kPapers.end(), [&](std::string_view p) { return name.starts_with(p); });
}

Cohort find(const fs::path& path, const LayoutOptions&) {
  Cohort cohort;
  const auto add = [&](const fs::path& file, const fs::path& relative) {
    Entry entry;
    entry.id = (relative.parent_path() / stem_of(file)).generic_string();
    std::replace(entry.id.begin(), entry.id.end(), '/', '_');
    entry.channels = {{"image", "OT", file}};
    cohort.entries.push_back(std::move(entry));
  };
  if (!fs::is_directory(path)) {
    add(path, path.filename());
    part_nifti_volumes(cohort.entries);
    return cohort;
  }
  bool any_image = false;
  const auto quiet = fs::directory_options::skip_permission_denied;
  for (auto at = fs::recursive_directory_iterator(path, quiet); at != fs::recursive_directory_iterator(); ++at) {
    if (at->is_directory() && at->path().filename().string().front() == '.') at.disable_recursion_pending();
    if (!at->is_regular_file() || beside_images(at->path())) continue;
    any_image = any_image || format_of(at->path()) != nullptr;
    add(at->path(), at->path().lexically_relative(path));
  }
  if (!any_image) cohort.entries.clear();
  part_nifti_volumes(cohort.entries);
  return cohort;
}

}  // namespace

extern const Layout flat_layout;
const Layout flat_layout{"flat", mine, find};

}  // namespace io
