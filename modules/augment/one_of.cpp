#include "augment/one_of.h"

#include <utility>

#include "core/error.h"

namespace augment {
namespace {

constexpr std::uint32_t kApart = 0x8000;  // the choice is a decision of its own, beyond the places of any recipe

class OneOf final : public Op {
 public:
  explicit OneOf(std::vector<Choice> choices) : choices_(std::move(choices)) {}
  std::string_view name() const override { return choices_.front().op->name(); }
  bool hides() const override { return choices_.front().op->hides(); }
  bool keeps() const override { return choices_.front().op->keeps(); }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng({key.seed, key.sample, key.view, key.op + kApart});
    double left = rng.uniform();
    for (const Choice& choice : choices_) {
      if (left < choice.chance) return choice.op->draw(key, frame, patch);
      left -= choice.chance;
    }
    return drawn();
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape& patch) const override {
    return choices_.front().op->identity(frame, patch);
  }

 private:
  std::vector<Choice> choices_;
};

}  // namespace

OpPointer one_of(std::vector<Choice> choices) {
  if (choices.empty()) throw core::usage_error("a choice between no ops");
  double sum = 0;
  for (const Choice& choice : choices) {
    if (choice.op->picks())
      throw core::usage_error(std::string(choice.op->name()) + " picks the view: it can be no choice among others");
    if (!(choice.chance >= 0)) throw core::usage_error("a chance cannot be negative");
    sum += choice.chance;
  }
  if (sum > 1 + 1e-9)
    throw core::usage_error("the chances of ops of which one acts are more than 1 together", "lower them");
  return std::make_shared<const OneOf>(std::move(choices));
}

}  // namespace augment
