#pragma once
// Text as tokens: bytes, and pairs of tokens that often stand side by side. Sennrich et al., "Neural machine
// translation of rare words with subword units", ACL 2016; over bytes, so that every text has tokens and its tokens
// give it back, whatever its encoding, as in Radford et al., "Language models are unsupervised multitask learners",
// 2019.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace data {

// How often each word came. A word is a run of letters (ASCII's, and every byte above), of digits, of white space or of
// anything else, with the one blank in front of it, and at most 64 bytes long; a text is its words, one after the
// other.
using WordCounts = std::map<std::string, std::int64_t, std::less<>>;
void count_words(std::string_view text, WordCounts& counts);

// A plain value; any thread may use a constant one. What it has learned are fragments of texts: keep it as they are
// kept.
class Tokenizer {
 public:
  using Token = std::int32_t;
  // No text has these three.
  static constexpr Token kPadding = 0, kBegin = 1, kEnd = 2;
  static constexpr Token kFirstByte = 3;                    // byte b is kFirstByte + b
  static constexpr std::int64_t kLeast = 256 + kFirstByte;  // tokens that there always are

  Tokenizer() = default;  // bytes alone

  // The most frequent pair of neighbours within words becomes a token, again and again, until there are `size` tokens
  // (at least kLeast) or no pair comes twice. Among equally frequent ones the smallest pair (by its first token, then
  // its second) is taken: the same counts, the same tokens.
  static Tokenizer learned(const WordCounts& counts, std::int64_t size);

  std::int64_t size() const { return kLeast + static_cast<std::int64_t>(pairs_.size()); }

  // Tokens of a text without marks; no more than `most` of them.
  std::vector<Token> encode(std::string_view text, std::size_t most = std::numeric_limits<std::size_t>::max()) const;
  // The bytes again; marks are nothing.
  std::string decode(const std::vector<Token>& tokens) const;
  // kBegin, tokens, kEnd, at most `length` >= 2 in all: what is more is cut from the text's end.
  std::vector<Token> marked(std::string_view text, std::int64_t length) const;

  // {"format": ..., "pairs": [[first, second], ...]}, in the order they were learned. Throws Error for what is none;
  // the message repeats nothing of it.
  std::string to_json() const;
  static Tokenizer from_json(std::string_view json);

  bool operator==(const Tokenizer& other) const { return pairs_ == other.pairs_; }

 private:
  using Pair = std::pair<Token, Token>;

  std::size_t bytes(Token token) const;
  void add(const Pair& pair);
  void append_word(std::string_view word, std::vector<Token>& tokens) const;

  std::vector<Pair> pairs_;                            // token kLeast + i is these two, one after the other
  std::vector<std::string> texts_;                     // of pairs_
  std::unordered_map<std::uint64_t, Token> token_of_;  // pair, its first token in the upper half
};

}  // namespace data
