#pragma once
// A picture to features: the part that is pretrained and travels.

#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "runtime/trainable.h"

namespace models {

using Extent = std::array<std::int64_t, 3>;  // along {d, h, w}

// Images are [N, C, D, H, W] float32. Scale s of features() has channels()[s] channels and is stride()[s] times
// smaller than the image along each axis (rounded up); finest first, coarsest last.
//
// Each of the table tells its layers (runtime/trainable.h), which layer-wise decay of the learning rate goes by: what
// meets the picture is layer 0, the first stage or block layer 1, and layers() is one more than the last stage or
// block.
class Encoder : public torch::nn::Module, public runtime::Trainable {
 public:
  virtual std::vector<at::Tensor> features(const at::Tensor& image) = 0;
  virtual std::vector<std::int64_t> channels() const = 0;
  virtual std::vector<Extent> stride() const = 0;
  // [N, embedding_size()]: the coarsest features, averaged over space (or the class token).
  virtual at::Tensor embedding(const at::Tensor& image);
  virtual std::int64_t embedding_size() const { return channels().back(); }
  // Throws usage Error naming the sizes that fit when an image of this extent cannot be encoded.
  virtual void check_extent(const Extent& extent) const = 0;
};

// What an encoder must know of the data.
struct Input {
  std::int64_t channels = 1;
  Extent patch{64, 64, 64};                   // extent of the training patches
  std::array<double, 3> spacing_mm{1, 1, 1};  // anisotropic data are not strided along a coarse axis at first
};

// One line of the table: encoders/<name>.cpp exports one entry, models.cpp lists it.
struct EncoderSettings {
  virtual ~EncoderSettings() = default;
  virtual std::vector<core::Slot> slots() = 0;
  virtual std::shared_ptr<Encoder> make(const Input& input) const = 0;
};
struct EncoderEntry {
  std::string_view name;
  std::string_view help;
  std::unique_ptr<EncoderSettings> (*settings)();
};

std::span<const EncoderEntry* const> encoders();
// Throws usage Error for an unknown name, naming the nearest.
const EncoderEntry& encoder_named(const std::string& name);

}  // namespace models
