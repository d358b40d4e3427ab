#pragma once
// The numbers of the loop. What a batch holds is said where the data are chosen.

#include <cstdint>
#include <string>
#include <tuple>

#include "core/config.h"

namespace train {

struct TrainerSettings {
  std::int64_t steps = 1000;
  double learning_rate = 1.0e-3;
  double final_learning_rate = 0.0;
  std::string schedule = "cosine";
  std::int64_t warmup_steps = 50;
  double cooldown = 0.2;
  std::string cooldown_shape = "linear";
  std::string optimiser = "adamw";
  double weight_decay = 0.05;
  double beta1 = 0.9, beta2 = 0.999;
  double momentum = 0.9, trust = 0.001;
  bool nesterov = false;
  double layer_decay = 1.0;
  double clip_norm = 1.0;
  double ema_decay = 0.0;
  std::string precision = "fp32";
  bool tf32 = true;
  std::int64_t accumulate = 1;
  std::string recompute = "none";
  std::int64_t checkpoint_every = 500;
  std::int64_t keep = 2;
  std::int64_t log_every = 10;
  std::int64_t seed = 0;
  std::int64_t max_skips = 10;
  std::string best_by;
  std::string spike = "warn";
  double spike_factor = 10.0;
  std::int64_t spike_window = 100;
  std::int64_t max_rewinds = 10;

  static constexpr auto fields() {
    using S = TrainerSettings;
    return std::tuple{
        core::field("steps", &S::steps, "updates of the whole run", core::Range{1, 1e12}),
        core::field("learning_rate", &S::learning_rate, "highest learning rate, after the warm-up",
                    core::Range{0, 100}),
        core::field("final_learning_rate", &S::final_learning_rate, "where a schedule that falls ends",
                    core::Range{0, 100}),
        core::field("schedule", &S::schedule,
                    "after the warm-up: cosine, poly (power 0.9), constant, or trapezoid (constant, then down)"),
        core::field("warmup_steps", &S::warmup_steps, "steps of linear rise from 0", core::Range{0, 1e12}),
        core::field("cooldown", &S::cooldown, "trapezoid: share of the steps after the warm-up in which it falls",
                    core::Range{0.001, 1}),
        core::field("cooldown_shape", &S::cooldown_shape, "trapezoid: linear, or sqrt (1 - sqrt: fast at first)"),
        core::field("optimiser", &S::optimiser, "adamw, lars (large batches) or sgd"),
        core::field("weight_decay", &S::weight_decay,
                    "biases, norms, tokens and codes of place are spared; of lars and sgd a part of the gradient",
                    core::Range{0, 10}),
        core::field("beta1", &S::beta1, "adamw: memory of the gradient", core::Range{0, 0.999999}),
        core::field("beta2", &S::beta2, "adamw: memory of the squared gradient", core::Range{0, 0.999999}),
        core::field("momentum", &S::momentum, "lars, sgd: memory of the updates", core::Range{0, 0.999999}),
        core::field("nesterov", &S::nesterov, "sgd: the gradient where the momentum will lead to"),
        core::field("trust", &S::trust,
                    "lars: length of an update over the length of the weights, times the learning rate",
                    core::Range{1.0e-9, 10}),
        core::field("layer_decay", &S::layer_decay,
                    "learning rate of each layer of the encoder over that of the layer above it; 1: all alike",
                    core::Range{0.01, 1}),
        core::field("clip_norm", &S::clip_norm, "gradients of a larger global norm are scaled down to it; 0: never",
                    core::Range{0, 1e9}),
        core::field("ema_decay", &S::ema_decay,
                    "decay of the average of the weights kept beside them, less in the first steps; 0: none",
                    core::Range{0, 0.9999999}),
        core::field(
            "precision", &S::precision,
            "fp32, bf16 or fp16 (autocast; fp16 with a scaled loss, for GPUs without bf16), or auto: bf16 where "
            "the device has units for it, fp16 on GPUs that have units for that alone"),
        core::field("tf32", &S::tf32,
                    "GPUs may round the factors of fp32 products and convolutions to 10 bits: several times faster "
                    "since Ampere, and no part of what a network learns; nothing on the CPU"),
        core::field("accumulate", &S::accumulate,
                    "parts in which the batch of an update is computed, one after the other, for memory: the same "
                    "update; methods whose loss cannot be computed in parts say so",
                    core::Range{1, 65536}),
        core::field("recompute", &S::recompute,
                    "none, or stages: of each stage of a network only the output is kept and the rest is computed "
                    "again for the gradient; the same update to the bit, for less memory and about a third more time"),
        core::field("checkpoint_every", &S::checkpoint_every, "steps between checkpoints; 0: at the end only",
                    core::Range{0, 1e12}),
        core::field("keep", &S::keep, "checkpoints kept, the last ones; the best one stays besides",
                    core::Range{1, 1e6}),
        core::field("log_every", &S::log_every, "steps between rows of metrics.csv", core::Range{1, 1e9}),
        core::field("seed", &S::seed, "of torch's generators (dropout)", core::Range{0, 9e15}),
        core::field("max_skips", &S::max_skips,
                    "steps in a row without a finite loss and gradient that are left out before the run ends",
                    core::Range{0, 1e6}),
        core::field(
            "best_by", &S::best_by,
            "number of metrics.csv whose best step is kept as best-STEP.gadolin: the highest, of a loss or with "
            "- before the name the lowest; empty: none is"),
        core::field("spike", &S::spike,
                    "at a loss far above those before: off, warn, or rewind (back to the last checkpoint, the batches "
                    "since then passed over)"),
        core::field("spike_factor", &S::spike_factor, "how far: so many spreads above the median", core::Range{1, 1e6}),
        core::field("spike_window", &S::spike_window, "steps whose losses the median and spread are of",
                    core::Range{8, 1e5}),
        core::field("max_rewinds", &S::max_rewinds, "of a run; later spikes are warned of", core::Range{0, 1e6})};
  }

  // Throws usage Error for a word that is none of the above, and for a setting that the chosen optimiser or schedule
  // does not read and that is not left as it is.
  void check() const;
};

// At step 0 .. steps-1: rises linearly from 0 over the warm-up, then as the schedule (schedule.h).
double learning_rate(const TrainerSettings& settings, std::int64_t step);

}  // namespace train
