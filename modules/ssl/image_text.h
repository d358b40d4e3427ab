#pragma once
// What pictures and texts become in one space: for who asks a trained method which of several texts fits a picture.

#include <ATen/core/Tensor.h>

#include <span>
#include <string>

namespace ssl {

// Beside Method, by those that match pictures with reports. Call Method::set_training(false) before; no gradient.
class ImageTextSpace {
 public:
  virtual ~ImageTextSpace() = default;
  // Rows of length 1, [N, C] and [number of texts, C], float32, on the method's device. images [N, C, D, H, W] as they
  // are.
  virtual at::Tensor image_rows(const at::Tensor& images) = 0;
  virtual at::Tensor text_rows(std::span<const std::string> texts) = 0;
  // With what a cosine is multiplied before a softmax over texts.
  virtual double scale() const = 0;
};

}  // namespace ssl
