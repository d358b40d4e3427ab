#pragma once
// What is asked of those who look into a pretraining, as settings below "watch.".

#include <cstdint>
#include <string>
#include <tuple>

#include "core/config.h"

namespace pipelines {

struct WatchSettings {
  std::int64_t every_steps = 250;
  std::int64_t pool = 1024;
  std::int64_t pool_every = 10;
  double alarm = 0.3;
  std::int64_t pictures = 4;
  std::int64_t pictures_every = 1000;
  std::string probe = "none";
  std::int64_t probe_every = 1000;
  std::string target;
  std::int64_t probe_cases = 128;
  std::string probe_set;
  std::int64_t patience = 0;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using S = WatchSettings;
    return std::tuple{
        field("every_steps", &S::every_steps, "steps between two rows on the health of the embeddings; 0: never",
              Range{0, 1e12}),
        field("pool", &S::pool, "embeddings of training views that those rows tell of, the last ones", Range{4, 65536}),
        field("pool_every", &S::pool_every,
              "steps between two batches embedded for them; half as many until so many are there", Range{1, 1e9}),
        field("alarm", &S::alarm,
              "a collapse is told when their rank - 1 or their spread falls below this share of what it was when the "
              "pool was first full; 0: never",
              Range{0, 1}),
        field("pictures", &S::pictures,
              "samples drawn into RUN/views before the first step, and into each picture of RUN/pictures",
              Range{0, 64}),
        field("pictures_every", &S::pictures_every,
              "steps between pictures of views and of what is made of them (at most 64 in a run); 0: never",
              Range{0, 1e12}),
        field("probe", &S::probe, "how embeddings of labelled cases are probed: none, knn or linear"),
        field("probe_every", &S::probe_every, "steps between two probes", Range{1, 1e12}),
        field("target", &S::target, "the scalar of the cases, a class 0, 1, 2 ..., that is probed for"),
        field("probe_cases", &S::probe_cases, "cases that are probed at most, drawn class by class", Range{4, 65536}),
        field("probe_set", &S::probe_set, "set of --split that they are of; empty: of those trained on"),
        field("patience", &S::patience, "probes without a better score after which the run ends; 0: it does not",
              Range{0, 1e9}),
    };
  }
};

}  // namespace pipelines
