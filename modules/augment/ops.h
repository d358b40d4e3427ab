#pragma once
// The table of augmentations. To add one: ops/<name>.h (its settings), ops/<name>.cpp, one X line here; the contract
// suite in tests/augment/contract_test.cpp then walks over it.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "augment/op.h"
#include "core/config.h"

#define GADOLIN_AUGMENT_OPS(X) \
  X(crop)                      \
  X(warp)                      \
  X(mirror)                    \
  X(noise)                     \
  X(blur)                      \
  X(brightness)                \
  X(contrast)                  \
  X(low_resolution)            \
  X(gamma)                     \
  X(block_mask)                \
  X(keep)                      \
  X(inpaint)                   \
  X(outpaint)                  \
  X(cutout)                    \
  X(local_shuffle)             \
  X(swap)                      \
  X(curve)                     \
  X(histogram_shift)           \
  X(bias_field)                \
  X(ghosting)                  \
  X(spike)                     \
  X(motion)

namespace augment {

using OpPointer = std::shared_ptr<const Op>;

struct OpEntry {
  std::string_view name;
  std::string_view summary;
  // Default settings changed by what is given. Throws usage Error for an unknown setting or a value out of range.
  OpPointer (*make)(std::span<const core::Setting> given);
  std::string (*reference)();  // table of its settings, markdown
};

// The entry of an op of class `O` with settings `S`.
template <class O, class S>
constexpr OpEntry entry_of(std::string_view name, std::string_view summary) {
  return {name, summary,
          [](std::span<const core::Setting> given) -> OpPointer {
            S settings;
            core::configure(core::slots_of(settings), given);
            return std::make_shared<const O>(settings);
          },
          [] {
            S settings;
            return core::reference_markdown(core::slots_of(settings));
          }};
}

#define GADOLIN_DECLARE_OP(op) extern const OpEntry op##_entry;
GADOLIN_AUGMENT_OPS(GADOLIN_DECLARE_OP)
#undef GADOLIN_DECLARE_OP

std::span<const OpEntry> ops();

// Throws usage Error for an unknown op, naming the nearest.
OpPointer make_op(std::string_view name, std::span<const core::Setting> given = {});

// The op that applies what was drawn under this name; shared by all threads. Throws Error for an unknown one.
const Op& op_named(std::string_view name);

}  // namespace augment
