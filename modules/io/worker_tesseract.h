#pragma once
// Tesseract (LSTM, English data of Debian's tesseract-ocr-eng) as the reader of text in gadolin-worker: the one program
// that is linked with it. One thread; OMP_THREAD_LIMIT=1 comes with the worker's environment.

#include <memory>

#include "io/burned_look.h"

namespace io {

// nullptr when the trained data are not installed.
std::unique_ptr<TextReader> tesseract_reader();

}  // namespace io
