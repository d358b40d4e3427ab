// What doctor finds out about reading images: the worker, and whether it can read text that is burned into pixels.
#include "io/worker_pool.h"
#include "pipelines/doctor.h"

namespace pipelines {

std::vector<Finding> examine_imaging() {
  try {
    io::WorkerPool worker;
    if (worker.require_no_text({}).empty()) return {{"text in pixels", "can be read (Tesseract, English)"}};
    return {{"text in pixels", "cannot be read: trained data of Tesseract are not there", false,
             "apt-get install tesseract-ocr-eng, or TESSDATA_PREFIX=DIR; until then only shapes are judged"}};
  } catch (const core::Error& error) {
    return {{"gadolin-worker", "no: " + error.story(), false, error.hint()}};
  }
}

}  // namespace pipelines
