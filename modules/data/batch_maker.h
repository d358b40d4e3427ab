#pragma once
// Views made for a whole batch at once, where that is faster than one by one: on a GPU. data knows the interface only.

#include <memory>
#include <vector>

#include "data/batch.h"
#include "data/view_maker.h"

namespace data {

// A view that was drawn and read, and not made yet.
struct DrawnView {
  std::unique_ptr<ViewMaker::Drawing> drawing;
  Picture picture;
};

class BatchMaker {
 public:
  // Views on their way. Whoever gives it up without finishing leaves nothing behind.
  class Begun {
   public:
    virtual ~Begun() = default;
  };

  virtual ~BatchMaker() = default;
  // One view of every sample of a batch, in order: takes the voxels and sets off. Any thread, several at once.
  virtual std::unique_ptr<Begun> begin(std::vector<DrawnView> views) const = 0;
  // On the thread that trains, each once: fills images, labels, valid, hidden, kept and voxel_to_case, on whatever
  // device they were made on, the same as ViewMaker::apply and stacking would give.
  virtual void finish(Begun& begun, View& view) const = 0;
};

}  // namespace data
