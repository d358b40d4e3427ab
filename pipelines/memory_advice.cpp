#include "pipelines/memory_advice.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <new>
#include <string>

#include "pipelines/inspect_subject.h"

namespace pipelines {
namespace {

// oneDNN and LibTorch say what they could not do in words of their own.
bool says_no_memory(const std::string& what) {
  for (const char* const words : {"can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc",
                                  "could not create a memory", "Cannot allocate memory"}) {
    if (what.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

core::Exit with_memory_advice(const std::function<core::Exit()>& body, const std::function<std::int64_t()>& needed) {
  try {
    return body();
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception& error) {
    const bool none = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                      dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr || says_no_memory(error.what());
    if (!none) throw;
  }
  std::string story = "there is not enough memory for a step";
  try {
    if (const std::int64_t bytes = needed ? needed() : 0; bytes > 0)
      story += fmt::format("; the forecast for it is {}", bytes_text(static_cast<double>(bytes)));
  } catch (const std::exception&) {  // not even for a small batch: no forecast
  }
  throw core::usage_error(story,
                          "any of these takes less: trainer.accumulate=2 (or a smaller data.batch_size), a smaller "
                          "data.patch, trainer.recompute=stages (or trainer.precision=bf16)");
}

}  // namespace pipelines
