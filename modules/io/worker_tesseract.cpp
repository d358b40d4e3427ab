#include "io/worker_tesseract.h"

#include <tesseract/baseapi.h>
#include <tesseract/resultiterator.h>

namespace io {
namespace {

constexpr int kDotsPerInch = 150;  // letters of 32 rows are then of about 15 points

class Tesseract final : public TextReader {
 public:
  // Tesseract writes nothing: no log, no file.
  bool begin() {
    api_.SetVariable("debug_file", "/dev/null");
    if (api_.Init(nullptr, "eng", tesseract::OEM_LSTM_ONLY) != 0) return false;
    api_.SetVariable("debug_file", "/dev/null");
    api_.SetPageSegMode(tesseract::PSM_SINGLE_LINE);
    return true;
  }

  std::vector<ReadWord> read(const GrayPicture& line) override {
    std::vector<ReadWord> words;
    if (line.rows < 3 || line.columns < 3) return words;
    api_.SetImage(line.values.data(), line.columns, line.rows, 1, line.columns);
    api_.SetSourceResolution(kDotsPerInch);
    if (api_.Recognize(nullptr) == 0) {
      const std::unique_ptr<tesseract::ResultIterator> at(api_.GetIterator());
      do {
        const std::unique_ptr<char[]> text(at ? at->GetUTF8Text(tesseract::RIL_WORD) : nullptr);
        if (text) words.push_back({text.get(), at->Confidence(tesseract::RIL_WORD)});
      } while (at && at->Next(tesseract::RIL_WORD));
    }
    api_.Clear();
    return words;
  }

 private:
  tesseract::TessBaseAPI api_;
};

}  // namespace

std::unique_ptr<TextReader> tesseract_reader() {
  auto reader = std::make_unique<Tesseract>();
  if (!reader->begin()) return nullptr;
  return reader;
}

}  // namespace io
