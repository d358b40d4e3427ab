#include "pipelines/pretrain_watch.h"

#include "core/error.h"

namespace pipelines {
namespace {

std::vector<std::int64_t> probe_candidates(const WatchSettings& settings, const Watched& watched, const Split& split) {
  if (settings.probe_set.empty()) return watched.options.cases;
  if (split.set_of.empty())
    throw core::usage_error("watch.probe_set names a set, and there is no --split",
                            "give --split, or leave watch.probe_set empty");
  return cases_of(split, settings.probe_set, *watched.reader);
}

}  // namespace

PretrainWatch::PretrainWatch(const WatchSettings& settings, const Watched& watched, const Split& split,
                             std::uint64_t seed) {
  if (settings.every_steps > 0)
    health_ = std::make_unique<EmbeddingHealth>(watched.method, watched.input.patch, watched.comm, settings);
  if (settings.pictures_every > 0 && settings.pictures > 0)
    pictures_ = std::make_unique<PictureWatch>(watched.method, watched.folder / "pictures", watched.input.spacing_mm,
                                               watched.comm.rank() == 0, watched.steps, settings);
  if (settings.probe == "none" && settings.patience > 0)
    throw core::usage_error("watch.patience waits for a better probe, and there is none", "set watch.probe=knn");
  if (settings.probe == "none") return;
  ProbedCases probed = probed_cases(*watched.reader, split, probe_candidates(settings, watched, split), settings, seed);
  probe_ = std::make_unique<ProbeWatch>(watched.method, watched.reader, watched.options, std::move(probed),
                                        watched.input, watched.device, watched.comm, settings);
}

std::vector<train::Watcher*> PretrainWatch::watchers() const {
  std::vector<train::Watcher*> all;
  if (health_) all.push_back(health_.get());
  if (pictures_) all.push_back(pictures_.get());
  if (probe_) all.push_back(probe_.get());
  return all;
}

}  // namespace pipelines
