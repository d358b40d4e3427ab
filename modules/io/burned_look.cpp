#include "io/burned_look.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "io/burned_text.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::size_t kMostPlaces = 4;  // that are read
constexpr double kWorthReading = 2;     // score of a line; 3 letters of one value have 3
// From here on nobody needs to read it. The most text-like anatomy of 126 real volumes has 3.7, a row of four letters
// of one value 4.
constexpr double kBeyondDoubt = 4.1;
// What shapes and reading say together: a score of 4 counts as much as a long word that is read without doubt. Real
// anatomy reaches 1.15.
constexpr double kTogether = 1.2, kScoreUnit = 4;
constexpr double kWeights[] = {0, 0, 0.45, 0.7, 0.85, 1};  // of a word, by its letters and digits
constexpr double kUnreadDoubt = 3;                         // score that is refused where nobody can read
constexpr std::int64_t kLeastSide = 80;                    // pixels: smaller pictures have no room for words
constexpr double kTailShare = 0.005;  // of the values, at both ends, that may lie beyond the usual range
constexpr std::size_t kLookedAt = 100'000;
constexpr double kBeyond =
    1.25;  // how far a slice's extremes may lie outside of that range, before it is looked at twice

MakeTextReader& maker() {
  static MakeTextReader make = nullptr;
  return make;
}

// nullptr when there is none. One object is looked at after the other.
TextReader* text_reader() {
  static const std::unique_ptr<TextReader> reader = maker() == nullptr ? nullptr : maker()();
  return reader.get();
}

struct Range {
  double low = 0, high = 0;
};

template <class T>
Range extremes(const T* values, std::size_t count) {
  T low = values[0], high = values[0];
  for (std::size_t i = 0; i < count; ++i) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  return {static_cast<double>(low), static_cast<double>(high)};
}

// Where nearly all values of all slices lie.
Range usual_range(const volume::Volume& image) {
  return volume::with_type(image.type(), [&]<class T>(T) {
    const auto voxels = image.voxels<T>();
    const std::size_t step = std::max<std::size_t>(1, voxels.size() / kLookedAt) | 1;
    std::vector<T> sample;
    for (std::size_t i = 0; i < voxels.size(); i += step) sample.push_back(voxels[i]);
    const auto tail = static_cast<std::size_t>(kTailShare * static_cast<double>(sample.size()));
    const auto value = [&](std::size_t place) {
      const auto at = sample.begin() + static_cast<std::ptrdiff_t>(place);
      std::nth_element(sample.begin(), at, sample.end());
      return static_cast<double>(*at);
    };
    return Range{value(tail), value(sample.size() - 1 - tail)};
  });
}

// Half of the smaller one.
bool overlap(const TextLine& a, const TextLine& b) {
  const int rows = std::min(a.row + a.height, b.row + b.height) - std::max(a.row, b.row),
            columns = std::min(a.column + a.width, b.column + b.width) - std::max(a.column, b.column);
  return rows > 0 && columns > 0 && 2 * rows * columns >= std::min(a.height * a.width, b.height * b.width);
}

std::string letters_of(const std::string& text) {
  std::string letters;
  for (const unsigned char c : text) {
    if (std::isalnum(c)) letters += static_cast<char>(std::tolower(c));
  }
  return letters;
}

// Marks that name nobody: sides and directions, lengths.
bool harmless(const std::string& letters) {
  static constexpr std::string_view kMarks[] = {"left", "right", "ant", "post", "sup", "inf", "head", "feet"};
  if (std::find(std::begin(kMarks), std::end(kMarks), letters) != std::end(kMarks)) return true;
  if (letters == "cm" || letters == "mm") return true;
  const std::size_t digits = letters.find_first_not_of("0123456789");
  if (digits == std::string::npos && letters.size() <= 2) return true;
  return digits != std::string::npos && digits > 0 && digits <= 3 &&
         (letters.substr(digits) == "cm" || letters.substr(digits) == "mm");
}

core::Error burned_in(const std::string& what, std::int64_t slice) {
  return reject("BURNED_IN_TEXT", what + " is burned into the pixels of slice " + std::to_string(slice + 1),
                "look at it; blacken it at the source, or leave it out");
}

}  // namespace

void set_text_reader(MakeTextReader make) { maker() = make; }

core::Error usual_text(const std::string& kind) {
  return reject("BURNED_IN_TEXT", kind + " mostly has text burned into its pixels",
                "have a person look at it; a series of original images has none");
}

struct TextSearch::Place {
  std::int64_t slice = 0;
  TextLine line;
  double score = 0;
  std::array<GrayPicture, 2> lines;  // what stands out, and what has the value of the strokes

  // How sure a reader is that something is written there, 0 to 1: more of a longer word.
  double read(TextReader& reader) const {
    double most = 0, mark = 0;
    for (const GrayPicture& line : lines) {
      for (const ReadWord& word : reader.read(line)) {
        const std::string letters = letters_of(word.text);
        const double weight = kWeights[std::min(letters.size(), std::size(kWeights) - 1)];
        double& kind = harmless(letters) ? mark : most;
        kind = std::max(kind, weight * word.sure / 100);
      }
      if (score / kScoreUnit + most >= kTogether) break;
    }
    return mark > most ? 0 : most;
  }
};

TextSearch::TextSearch() = default;
TextSearch::~TextSearch() = default;

void TextSearch::keep(const GrayPicture& picture, std::int64_t slice) {
  for (const TextLine& line : lines_like_text(picture)) {
    if (line.score < kWorthReading) break;
    if (places_.size() == kMostPlaces && line.score <= places_.back().score) break;
    const auto again = [&](const Place& other) { return other.slice == slice && overlap(other.line, line); };
    if (std::any_of(places_.begin(), places_.end(), again)) continue;
    if (places_.size() == kMostPlaces) places_.pop_back();
    Place place{slice, line, line.score, {strokes_of(picture, line, false), strokes_of(picture, line, true)}};
    const auto at =
        std::find_if(places_.begin(), places_.end(), [&](const Place& other) { return other.score < line.score; });
    places_.insert(at, std::move(place));
  }
}

void TextSearch::look_at(const volume::Volume& slices, std::int64_t frame) {
  if (std::min(slices.shape().height, slices.shape().width) < kLeastSide) return;
  const Range usual = usual_range(slices);
  const double margin = (kBeyond - 1) * (usual.high - usual.low);
  const auto plane = static_cast<std::size_t>(slices.shape().height * slices.shape().width);
  for (std::int64_t s = 0; s < slices.shape().depth; ++s) {
    const std::int64_t told = frame < 0 ? s : frame;
    const Range own = volume::with_type(slices.type(), [&]<class T>(T) {
      return extremes(slices.voxels<T>().data() + static_cast<std::size_t>(s) * plane, plane);
    });
    if (!(own.low < own.high)) continue;
    keep(gray_slice(slices, s, own.low, own.high), told);
    // Text as bright as the brightest anatomy drowns in the range of a slice with few bright pixels.
    if (own.high - own.low < usual.high - usual.low + margin) continue;
    GrayPicture usually = gray_slice(slices, s, usual.low, usual.high);
    usually.clipped = true;
    keep(usually, told);
  }
}

std::vector<std::string> TextSearch::finish() {
  TextReader* const reader = text_reader();
  for (const Place& place : places_) {
    if (place.score >= kBeyondDoubt) throw burned_in("something written", place.slice);
    if (reader == nullptr) continue;
    const double sure = place.read(*reader);
    if (place.score / kScoreUnit + sure >= kTogether) throw burned_in("text", place.slice);
  }
  if (reader != nullptr) return {};
  // Nobody can tell: what is only somewhat like text is refused as well.
  if (!places_.empty() && places_.front().score >= kUnreadDoubt)
    throw burned_in("something like text, which nobody can read here,", places_.front().slice);
  return {"TEXT_UNREAD"};
}

}  // namespace io
