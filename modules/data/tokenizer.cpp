#include "data/tokenizer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <queue>

#include "core/error.h"

namespace data {
namespace {

using Token = Tokenizer::Token;

constexpr std::size_t kLongestWord = 64;  // bytes; also of a token
constexpr std::int64_t kLeastCount = 2;
constexpr const char* kFormat = "gadolin-byte-pairs-1";

enum class Kind { kLetter, kDigit, kSpace, kOther };

Kind kind_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return Kind::kLetter;
  if (byte >= '0' && byte <= '9') return Kind::kDigit;
  return byte == ' ' || (byte >= '\t' && byte <= '\r') ? Kind::kSpace : Kind::kOther;
}

// The length of the word that the text begins with; the text is not empty.
std::size_t first_word(std::string_view text) {
  const bool blank_in_front = text.size() > 1 && text[0] == ' ' && kind_of(text[1]) != Kind::kSpace;
  std::size_t end = blank_in_front ? 1 : 0;
  const Kind kind = kind_of(text[end]);
  while (end < text.size() && end < kLongestWord && kind_of(text[end]) == kind) ++end;
  return end;
}

std::vector<Token> byte_tokens(std::string_view word) {
  std::vector<Token> tokens;
  for (const char c : word) tokens.push_back(Tokenizer::kFirstByte + static_cast<unsigned char>(c));
  return tokens;
}

std::uint64_t key_of(Token first, Token second) {
  return (static_cast<std::uint64_t>(first) << 32) | static_cast<std::uint32_t>(second);
}

// From left to right, each place once.
void join(std::vector<Token>& tokens, Token first, Token second, Token joined) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < tokens.size(); ++to) {
    const bool here = from + 1 < tokens.size() && tokens[from] == first && tokens[from + 1] == second;
    tokens[to] = here ? joined : tokens[from];
    from += here ? 2 : 1;
  }
  tokens.resize(to);
}

// Words as tokens learned so far, and how often each pair stands in them.
class Pairs {
 public:
  explicit Pairs(const WordCounts& counts) {
    for (const auto& [word, count] : counts) {
      words_.push_back({byte_tokens(word), count});
      count_pairs(words_.size() - 1, +1);
    }
    offer_changed();
  }

  // The most frequent pair, the smallest of them; false when none comes often enough.
  bool next(Token& first, Token& second) {
    while (!offers_.empty()) {
      const Offer offer = offers_.top();
      offers_.pop();
      if (pairs_[offer.key].count != offer.count) continue;  // it was offered again since
      first = static_cast<Token>(offer.key >> 32);
      second = static_cast<Token>(offer.key & 0xffffffffU);
      return true;
    }
    return false;
  }

  void replace(Token first, Token second, Token joined) {
    std::vector<std::size_t> where = std::move(pairs_[key_of(first, second)].words);
    std::sort(where.begin(), where.end());
    where.erase(std::unique(where.begin(), where.end()), where.end());
    for (const std::size_t word : where) {
      count_pairs(word, -1);
      join(words_[word].tokens, first, second, joined);
      count_pairs(word, +1);
    }
    offer_changed();
  }

 private:
  struct Word {
    std::vector<Token> tokens;
    std::int64_t count;
  };
  struct Counted {
    std::int64_t count = 0;
    std::vector<std::size_t> words;  // that have, or had, the pair
  };
  struct Offer {
    std::int64_t count;
    std::uint64_t key;
    bool operator<(const Offer& other) const { return count != other.count ? count < other.count : key > other.key; }
  };

  void count_pairs(std::size_t word, std::int64_t sign) {
    const Word& one = words_[word];
    for (std::size_t i = 0; i + 1 < one.tokens.size(); ++i) {
      const std::uint64_t key = key_of(one.tokens[i], one.tokens[i + 1]);
      Counted& counted = pairs_[key];
      counted.count += sign * one.count;
      if (sign > 0 && (counted.words.empty() || counted.words.back() != word)) counted.words.push_back(word);
      changed_.push_back(key);
    }
  }

  void offer_changed() {
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    for (const std::uint64_t key : changed_) {
      if (const std::int64_t count = pairs_[key].count; count >= kLeastCount) offers_.push({count, key});
    }
    changed_.clear();
  }

  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, Counted> pairs_;
  std::priority_queue<Offer> offers_;
  std::vector<std::uint64_t> changed_;
};

}  // namespace

void count_words(std::string_view text, WordCounts& counts) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, first_word(text));
    const auto found = counts.find(word);
    if (found == counts.end()) {
      counts.emplace(word, 1);
    } else {
      ++found->second;
    }
    text.remove_prefix(word.size());
  }
}

Tokenizer Tokenizer::learned(const WordCounts& counts, std::int64_t size) {
  GADOLIN_CHECK(size >= kLeast && size <= std::numeric_limits<Token>::max());
  Tokenizer tokenizer;
  Pairs pairs(counts);
  for (Pair pair; tokenizer.size() < size && pairs.next(pair.first, pair.second);) {
    const auto joined = static_cast<Token>(tokenizer.size());
    tokenizer.add(pair);
    pairs.replace(pair.first, pair.second, joined);
  }
  return tokenizer;
}

std::size_t Tokenizer::bytes(Token token) const {
  return token < kLeast ? 1 : texts_[static_cast<std::size_t>(token - kLeast)].size();
}

void Tokenizer::add(const Pair& pair) {
  token_of_.emplace(key_of(pair.first, pair.second), static_cast<Token>(size()));
  texts_.push_back(decode({pair.first, pair.second}));
  pairs_.push_back(pair);
}

// As they were learned: the oldest pair first, everywhere in the word.
void Tokenizer::append_word(std::string_view word, std::vector<Token>& tokens) const {
  std::vector<Token> own = byte_tokens(word);
  while (own.size() > 1) {
    Token oldest = std::numeric_limits<Token>::max();
    for (std::size_t i = 0; i + 1 < own.size(); ++i) {
      const auto found = token_of_.find(key_of(own[i], own[i + 1]));
      if (found != token_of_.end()) oldest = std::min(oldest, found->second);
    }
    if (oldest == std::numeric_limits<Token>::max()) break;
    const Pair& pair = pairs_[static_cast<std::size_t>(oldest - kLeast)];
    join(own, pair.first, pair.second, oldest);
  }
  tokens.insert(tokens.end(), own.begin(), own.end());
}

std::vector<Token> Tokenizer::encode(std::string_view text, std::size_t most) const {
  std::vector<Token> tokens;
  while (!text.empty() && tokens.size() < most) {
    const std::string_view word = text.substr(0, first_word(text));
    append_word(word, tokens);
    text.remove_prefix(word.size());
  }
  tokens.resize(std::min(tokens.size(), most));
  return tokens;
}

std::string Tokenizer::decode(const std::vector<Token>& tokens) const {
  std::string text;
  for (const Token token : tokens) {
    GADOLIN_CHECK(token >= 0 && token < size());
    if (token >= kLeast) {
      text += texts_[static_cast<std::size_t>(token - kLeast)];
    } else if (token >= kFirstByte) {
      text += static_cast<char>(static_cast<unsigned char>(token - kFirstByte));
    }
  }
  return text;
}

std::vector<Token> Tokenizer::marked(std::string_view text, std::int64_t length) const {
  GADOLIN_CHECK(length >= 2);
  std::vector<Token> tokens = encode(text, static_cast<std::size_t>(length) - 2);
  tokens.insert(tokens.begin(), kBegin);
  tokens.push_back(kEnd);
  return tokens;
}

std::string Tokenizer::to_json() const {
  boost::json::array pairs;
  for (const Pair& pair : pairs_) pairs.push_back(boost::json::array{pair.first, pair.second});
  return boost::json::serialize(boost::json::object{{"format", kFormat}, {"pairs", pairs}});
}

Tokenizer Tokenizer::from_json(std::string_view json) {
  const core::Error damaged("the tokenizer is damaged or of another version",
                            "take the checkpoint from where it was made, with the gadolin that made it");
  boost::system::error_code failed;
  const boost::json::value all = boost::json::parse(json, failed);
  const boost::json::object* const object = failed ? nullptr : all.if_object();
  if (object == nullptr || !object->contains("format") || object->at("format") != kFormat ||
      !object->contains("pairs") || !object->at("pairs").is_array())
    throw damaged;
  Tokenizer tokenizer;
  for (const boost::json::value& each : object->at("pairs").get_array()) {
    const boost::json::array* const two = each.if_array();
    if (two == nullptr || two->size() != 2) throw damaged;
    Pair pair;
    for (const std::size_t i : {0U, 1U}) {
      const std::int64_t* const token = (*two)[i].if_int64();
      if (token == nullptr || *token < kFirstByte || *token >= tokenizer.size()) throw damaged;
      (i == 0 ? pair.first : pair.second) = static_cast<Token>(*token);
    }
    // No longer than a word: a few pairs could ask for any memory.
    if (tokenizer.bytes(pair.first) + tokenizer.bytes(pair.second) > kLongestWord) throw damaged;
    if (tokenizer.token_of_.contains(key_of(pair.first, pair.second))) throw damaged;
    tokenizer.add(pair);
  }
  return tokenizer;
}

}  // namespace data
