#include "data/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace {

using data::Tokenizer;
using Tokens = std::vector<Tokenizer::Token>;

constexpr std::int64_t kMany = 4096;

Tokenizer of(const std::vector<std::string>& texts, std::int64_t size = kMany) {
  data::WordCounts counts;
  for (const std::string& text : texts) data::count_words(text, counts);
  return Tokenizer::learned(counts, size);
}

Tokenizer::Token byte(char c) { return Tokenizer::kFirstByte + static_cast<unsigned char>(c); }

std::vector<std::string> reports() {
  std::vector<std::string> all;
  for (std::uint64_t i = 0; i < 30; ++i) {
    core::Rng rng({i, 3, 0, 0});
    const auto one_of = [&](std::initializer_list<const char*> words) {
      return std::string(words.begin()[rng.below(words.size())]);
    };
    all.push_back("MR of the abdomen. " + one_of({"Splenomegaly, ", "The spleen is enlarged, ", "Normal spleen of "}) +
                  std::to_string(8 + rng.below(12)) + "." + std::to_string(rng.below(10)) + " cm.\n\n" +
                  one_of({"Impression: normal study.",
                          "Leberherd in Segment VII, gr\xC3\xB6\xC3\x9F"
                          "er als zuvor."}));
  }
  return all;
}

// Counts every pair anew before each of them.
std::vector<std::pair<Tokenizer::Token, Tokenizer::Token>> learned_plainly(const data::WordCounts& counts,
                                                                           std::size_t most) {
  std::vector<std::pair<Tokens, std::int64_t>> words;
  for (const auto& [word, count] : counts) {
    words.push_back({{}, count});
    for (const char c : word) words.back().first.push_back(byte(c));
  }
  std::vector<std::pair<Tokenizer::Token, Tokenizer::Token>> pairs;
  while (pairs.size() < most) {
    std::map<std::pair<Tokenizer::Token, Tokenizer::Token>, std::int64_t> found;
    for (const auto& [tokens, count] : words)
      for (std::size_t i = 1; i < tokens.size(); ++i) found[{tokens[i - 1], tokens[i]}] += count;
    std::pair<Tokenizer::Token, Tokenizer::Token> best;
    std::int64_t highest = 1;
    for (const auto& [pair, count] : found) {
      if (count > highest) best = pair, highest = count;
    }
    if (highest < 2) break;
    const auto joined = static_cast<Tokenizer::Token>(Tokenizer::kLeast + static_cast<std::int64_t>(pairs.size()));
    pairs.push_back(best);
    for (auto& [tokens, count] : words) {
      Tokens after;
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool here = i + 1 < tokens.size() && tokens[i] == best.first && tokens[i + 1] == best.second;
        after.push_back(here ? joined : tokens[i]);
        i += here ? 1 : 0;
      }
      tokens = after;
    }
  }
  return pairs;
}

TEST(Tokenizer, LearnsTheMostFrequentPairFirstAndOfEqualOnesTheSmallest) {
  const Tokenizer tokenizer = of({"lo lo lo lo", "hi hi hi hi", "xy xy"});
  // h i and l o four times each, the blank and either three times, x y twice.
  EXPECT_EQ(tokenizer.encode("hi"), (Tokens{259}));
  EXPECT_EQ(tokenizer.encode("lo"), (Tokens{260}));
  EXPECT_EQ(tokenizer.encode(" hi"), (Tokens{261}));
  EXPECT_EQ(tokenizer.encode(" lo"), (Tokens{262}));
  EXPECT_EQ(tokenizer.encode("xy"), (Tokens{263}));
  EXPECT_EQ(tokenizer.size(), 264) << "the blank and xy came once";
  EXPECT_EQ(tokenizer.encode("hilo"), (Tokens{259, 260})) << "pairs are learned within words";
  EXPECT_EQ(tokenizer.encode("oh"), (Tokens{byte('o'), byte('h')}));
}

TEST(Tokenizer, OverlappingPairsAreJoinedFromTheLeft) {
  const Tokenizer tokenizer = of({"aaaaa"});
  EXPECT_EQ(tokenizer.encode("aaaaa"), (Tokens{259, 259, byte('a')})) << "259 259 comes once";
  EXPECT_EQ(tokenizer.size(), 260);
}

TEST(Tokenizer, LearnsWhatCountingAnewBeforeEachPairLearns) {
  data::WordCounts counts;
  for (const std::string& text : reports()) data::count_words(text, counts);
  for (const std::int64_t size : {Tokenizer::kLeast, Tokenizer::kLeast + 40, kMany}) {
    const auto plain = learned_plainly(counts, static_cast<std::size_t>(size - Tokenizer::kLeast));
    std::string json = "{\"format\":\"gadolin-byte-pairs-1\",\"pairs\":[";
    for (const auto& [first, second] : plain)
      json += (json.back() == '[' ? "[" : ",[") + std::to_string(first) + "," + std::to_string(second) + "]";
    const Tokenizer tokenizer = Tokenizer::learned(counts, size);
    EXPECT_EQ(tokenizer.to_json(), json + "]}");
    EXPECT_LE(tokenizer.size(), size);
  }
}

TEST(Tokenizer, GivesEveryTextBackWhateverItsBytes) {
  const Tokenizer tokenizer = of(reports());
  std::vector<std::string> texts = reports();
  std::string every;
  for (int b = 0; b < 256; ++b) every += static_cast<char>(b);
  texts.insert(texts.end(), {"", " ", "  two  blanks ", "\xFF\xFE no UTF-8 \xC3", every, std::string(1000, 'a'),
                             std::string("\0\0", 2), "\t\r\n tabs"});
  core::Rng rng({5, 0, 0, 0});
  for (int i = 0; i < 50; ++i) {
    texts.emplace_back();
    for (std::uint64_t left = rng.below(200); left > 0; --left) texts.back() += static_cast<char>(rng.below(256));
  }
  for (const std::string& text : texts) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    EXPECT_EQ(Tokenizer().decode(Tokenizer().encode(text)), text);
    EXPECT_EQ(Tokenizer().encode(text).size(), text.size());
  }
  const std::string known = reports().front();
  EXPECT_LT(tokenizer.encode(known).size(), known.size() / 3) << "words that come often are one token";
}

TEST(Tokenizer, TheOrderOfTheTextsDoesNotMatter) {
  std::vector<std::string> texts = reports();
  const Tokenizer tokenizer = of(texts);
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(of(texts), tokenizer);
  texts.push_back(texts.front());
  EXPECT_FALSE(of(texts, 300) == tokenizer);
}

TEST(Tokenizer, MarksATextAndCutsItAtItsEnd) {
  const Tokenizer tokenizer;
  EXPECT_EQ(tokenizer.marked("ab", 8), (Tokens{Tokenizer::kBegin, byte('a'), byte('b'), Tokenizer::kEnd}));
  EXPECT_EQ(tokenizer.marked("abcdef", 4), tokenizer.marked("ab", 4));
  EXPECT_EQ(tokenizer.marked("", 4), (Tokens{Tokenizer::kBegin, Tokenizer::kEnd}));
  EXPECT_EQ(tokenizer.marked("a", 2), (Tokens{Tokenizer::kBegin, Tokenizer::kEnd}));
  EXPECT_EQ(tokenizer.decode(tokenizer.marked("ab", 8)), "ab");
  const Tokenizer learned = of(reports());
  for (const std::string& text : reports()) {
    const Tokens cut = learned.marked(text, 9), whole = learned.marked(text, 1000);
    EXPECT_EQ(cut.size(), 9u);
    EXPECT_TRUE(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
  }
}

TEST(Tokenizer, IsTheSameAfterItWasWrittenAndRead) {
  const Tokenizer tokenizer = of(reports());
  const Tokenizer again = Tokenizer::from_json(tokenizer.to_json());
  EXPECT_EQ(again, tokenizer);
  for (const std::string& text : reports()) EXPECT_EQ(again.encode(text), tokenizer.encode(text));
  EXPECT_EQ(Tokenizer::from_json(Tokenizer().to_json()), Tokenizer());
}

TEST(Tokenizer, WhatIsNoneIsAnErrorThatRepeatsNothingOfIt) {
  const std::string head = R"({"format":"gadolin-byte-pairs-1","pairs":)";
  std::string doubled = "[[100,100]";  // each token twice the one before: 2^30 bytes
  for (int i = 0; i < 29; ++i) doubled += ",[" + std::to_string(259 + i) + "," + std::to_string(259 + i) + "]";
  for (const std::string& json :
       {std::string(), std::string("secret"), std::string("[]"), std::string(R"({"format":"secret","pairs":[]})"),
        head + "7}", head + "[[100]]}", head + "[[100,2]]}", head + "[[100,259]]}", head + R"([[100,"secret"]]})",
        head + "[[100,101],[100,101]]}", head + doubled + "]}"}) {
    try {
      Tokenizer::from_json(json);
      ADD_FAILURE() << json;
    } catch (const core::Error& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
  }
}

TEST(Tokenizer, AWordOfAMegabyteAndAMillionWordsAreNoTrouble) {
  data::WordCounts counts;
  data::count_words(std::string(1 << 20, 'a'), counts);
  const Tokenizer tokenizer = Tokenizer::learned(counts, kMany);
  EXPECT_EQ(tokenizer.encode(std::string(1 << 20, 'a')).size(), (1u << 20) / 64);
  EXPECT_EQ(tokenizer.marked(std::string(1 << 24, 'b'), 256).size(), 256u) << "what is cut is not read";
}

}  // namespace
