#pragma once
// What an encoder is taught with labels. To add one: tasks/<name>.cpp with one exported entry, one X line in tasks.cpp,
// one test; the contract suite in tests/finetune then walks over it.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "augment/recipe.h"
#include "core/config.h"
#include "models/encoder.h"
#include "train/learner.h"
#include "train/networks.h"

namespace finetune {

// What a task is built from. The encoder is shared with the task.
struct Setup {
  std::shared_ptr<models::Encoder> encoder;
  models::Input input;  // channels, patch, spacing
  c10::Device device = c10::Device(c10::kCPU);
  std::vector<std::string> outputs;  // name of each output: labels from the background on, or classes from 0 on
  std::string target;                // classification: the scalar of a case that says its class
  std::vector<std::int64_t> counts;  // classification: training cases of each class; empty: as if all were alike
  bool frozen = false;               // the encoder stays as it is: no gradient, and in scoring mode for good
};

// A Learner that tells how it wants its cases and what it makes of new ones. weights() names the encoder's tensors
// "encoder.*", those of a decoder "decoder.*", of a head "head.*".
class Task : public train::Learner {
 public:
  explicit Task(const Setup& setup);

  // The training view.
  virtual std::vector<augment::Recipe> views() const = 0;
  // Probabilities of [N, C, D, H, W] float32 images, float32, summing to 1 over the outputs K: [N, K, D, H, W] of a
  // segmentation, [N, K] of a classification. No gradient; in scoring mode whatever the mode was.
  at::Tensor predict(const at::Tensor& images);

  std::int64_t outputs() const { return static_cast<std::int64_t>(setup_.outputs.size()); }
  const std::vector<std::string>& output_names() const { return setup_.outputs; }
  const models::Input& input() const { return setup_.input; }
  const c10::Device& device() const { return setup_.device; }

  std::vector<train::Phase> phases() override;
  train::NamedTensors weights() override { return networks_.all(); }
  void set_training(bool training) override;

 protected:
  // The decoder or the head; moves it to the device. Called once, by the constructor of the variant.
  void add(const std::string& name, std::shared_ptr<torch::nn::Module> network);
  virtual at::Tensor logits(const at::Tensor& images) = 0;  // finest map, or classes
  bool training() const { return training_; }
  // Runs `forward` as the encoder is meant to run: without a gradient when it is frozen.
  template <class Forward>
  auto encoded(Forward&& forward) {
    const bool before = at::GradMode::is_enabled();
    at::AutoGradMode gradient(before && !setup_.frozen);
    return forward(*setup_.encoder);
  }

  Setup setup_;

 private:
  train::Networks networks_;
  bool training_ = true;
};

class TaskSettings {
 public:
  virtual ~TaskSettings() = default;
  virtual std::vector<core::Slot> slots() = 0;
  // Draws the initial weights of decoder or head from torch's generator. Throws usage Error when the set-up does not
  // suit (an encoder without a decoder, fewer than two outputs).
  virtual std::unique_ptr<Task> make(const Setup& setup) const = 0;
};

struct TaskEntry {
  std::string_view name;
  std::string_view help;  // one line: what it learns, with which loss
  bool dense;             // an output for every voxel, learned from label maps; else one for the case, from a scalar
  std::unique_ptr<TaskSettings> (*settings)();
};

std::span<const TaskEntry* const> tasks();
// Throws usage Error for an unknown name, naming the nearest.
const TaskEntry& task_named(const std::string& name);

}  // namespace finetune
