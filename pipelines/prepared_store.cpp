#include "pipelines/prepared_store.h"

#include "core/error.h"

namespace pipelines {

std::vector<std::string> PreparedStore::channels() const {
  std::vector<std::string> names;
  for (const prepare::ChannelPlan& channel : plan.channels) names.push_back(channel.name);
  return names;
}

std::array<double, 3> PreparedStore::spacing_mm() const {
  std::array<double, 3> spacing = plan.spacing_mm;
  for (std::size_t a = 0; a < 3; ++a) {
    if (spacing[a] <= 0 && reader->size() > 0) spacing[a] = reader->summary(0).geometry.spacing_mm[a];
  }
  return spacing;
}

PreparedStore open_prepared(const std::filesystem::path& folder, store::ReaderOptions options) {
  PreparedStore store;
  store.reader = std::make_shared<const store::Reader>(folder, options);
  if (store.reader->plan_yaml().empty()) {
    throw core::usage_error(folder.string() + " is a raw store: its cases are as the scanner left them",
                            "first: gadolin prepare " + folder.string() + " PREPARED, then give PREPARED here");
  }
  if (store.reader->size() == 0) throw core::usage_error(folder.string() + " holds no case");
  store.plan = prepare::plan_from_yaml(store.reader->plan_yaml(), (folder / "plan.yaml").string());
  return store;
}

}  // namespace pipelines
