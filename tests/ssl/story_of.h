#pragma once
// What a person is told when something is refused.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/error.h"
#include "made.h"

inline std::string story_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

inline void expect_story(const std::string& part, const std::function<void()>& body) {
  const std::string story = story_of(body);
  EXPECT_NE(story.find(part), std::string::npos) << story;
}

namespace made {

// Of a method that is not made.
inline std::string refusal_of(const std::string& method_name, const std::string& encoder_name,
                              const std::vector<std::string>& arguments) {
  return story_of([&] { method(method_name, encoder_name, 1, arguments); });
}

}  // namespace made
