#pragma once
// Planted text on its way through a worker, as ingest reads it.

#include <unistd.h>

#include "io/reject.h"
#include "io/worker_pool.h"
#include "planted_text.h"
#include "worker_cases.h"

inline constexpr const char* kPlantedWords[] = {"MUELLER^HANS 12.03.1961", "DOE JANE",     "ID 4711-0815",
                                                "ST VINCENT 19610312",     "SMITH JOHN M", "MRN 99123",
                                                "KOVACS A 07/11/58"};

// A written series as an entry.
inline io::Entry series_entry(const std::filesystem::path& folder, const volume::Volume& image,
                              const std::string& modality) {
  io::Entry entry;
  entry.id = "planted";
  entry.is_series = true;
  entry.files = io::write_dicom(folder, image, {.key = "planted", .patient = "Doe4711", .modality = modality});
  return entry;
}

// "" when it is taken; else the error's text.
inline std::string checked(io::Reading& reading, const io::Entry& entry) {
  io::Cohort cohort;
  cohort.burned_in = io::BurnedIn::kCheck;
  try {
    reading.load(entry, cohort);
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

struct PlantedCount {
  int planted = 0, refused = 0;
};

// Plants one box after the other on copies of the canvas: sizes, edges, brightness, places and words in turn; where a
// person could not read it, it is planted elsewhere. Tells the ones that came through.
inline PlantedCount plant_and_check(io::Reading& reading, Canvas& canvas, const std::string& modality, int boxes,
                                    std::uint64_t seed) {
  const Scratch scratch;
  PlantedCount count;
  core::Rng rng(core::DrawKey{seed});
  const volume::Shape shape = canvas.image.shape();
  for (int box = 0; box < boxes; ++box) {
    const int scale = 1 + box % 5;
    const bool smooth = scale > 1 && box / 5 % 2 == 1;
    const double value = box % 3 == 0   ? canvas.high + 0.5 * (canvas.high - canvas.low)
                         : box % 3 == 1 ? canvas.high
                                        : canvas.low + 0.8 * (canvas.high - canvas.low);
    const bool on_all = box % 4 == 0;
    for (int tries = 0; tries < 200; ++tries) {
      const std::string words = kPlantedWords[rng.below(std::size(kPlantedWords))];
      const Lettering text = lettering(words, scale, smooth);
      if (text.columns >= shape.width || text.rows >= shape.height) continue;
      int row = static_cast<int>(rng.below(static_cast<std::uint64_t>(shape.height - text.rows)));
      const auto column = static_cast<int>(rng.below(static_cast<std::uint64_t>(shape.width - text.columns)));
      // Half of it along the upper or lower edge, where scanners write; half anywhere.
      if (box / 2 % 2 == 0) row = row % 2 == 0 ? row / 8 : static_cast<int>(shape.height) - text.rows - row / 8;
      const auto slice = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(shape.depth)));
      const bool black = box % 7 == 6 && tries < 100;
      const double ink = black ? canvas.low : value;
      if (!legible(canvas, text, slice, row, column, ink)) continue;
      volume::Volume image = canvas.image.clone();
      for (std::int64_t d = 0; d < shape.depth; ++d) {
        if (on_all || d == slice) plant(image, text, d, row, column, ink);
      }
      const std::string told = checked(reading, series_entry(scratch / "s", image, modality));
      std::filesystem::remove_all(scratch / "s");
      ++count.planted;
      count.refused += told.find("[BURNED_IN_TEXT]") != std::string::npos;
      EXPECT_EQ(told.find(words.substr(0, 3)), std::string::npos) << told;
      if (told.empty())
        std::printf("came through: '%s' scale %d smooth %d ink %.0f slice %d at %d, %d %s\n", words.c_str(), scale,
                    smooth, ink, static_cast<int>(slice), row, column, black ? "black" : "");
      break;
    }
  }
  return count;
}
