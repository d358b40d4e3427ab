// Text burned into pixels: found or doubted on its way through a worker, told without a word of it, and not seen where
// there is none.
#include "io/burned_text.h"

#include <gtest/gtest.h>

#include <set>

#include "io/burned_rules.h"
#include "planted_series.h"

namespace fs = std::filesystem;

namespace {

Canvas dark_canvas() { return noise_canvas({4, 128, 192}, 60, 8, 3); }

// One image of the canvas with a word in its first slice.
volume::Volume with_word(const std::string& word, int scale = 2) {
  Canvas canvas = dark_canvas();
  plant(canvas.image, lettering(word, scale, false), 0, 20, 12, 1000);
  return std::move(canvas.image);
}

std::string text_code(io::Reading& reading, const fs::path& object) {
  try {
    reading.require_no_text(object);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

// Gray pixels of an object as three samples a pixel, in the channel alone.
void make_colour(DcmDataset& data, int channel, bool planar) {
  const Uint16* gray = nullptr;
  unsigned long count = 0;
  ASSERT_TRUE(data.findAndGetUint16Array(DCM_PixelData, gray, &count).good());
  std::vector<Uint8> colour(3 * count, 20);
  for (unsigned long i = 0; i < count; ++i) {
    const auto level = static_cast<Uint8>(std::clamp(static_cast<Sint16>(gray[i]) / 5, 0, 255));
    colour[planar ? static_cast<unsigned long>(channel) * count + i : 3 * i + static_cast<unsigned long>(channel)] =
        level;
  }
  put(data, DCM_PhotometricInterpretation, "RGB");
  data.putAndInsertUint16(DCM_SamplesPerPixel, 3);
  data.putAndInsertUint16(DCM_PlanarConfiguration, planar);
  data.putAndInsertUint16(DCM_BitsAllocated, 8);
  data.putAndInsertUint16(DCM_BitsStored, 8);
  data.putAndInsertUint16(DCM_HighBit, 7);
  data.putAndInsertUint16(DCM_PixelRepresentation, 0);
  data.putAndInsertUint8Array(DCM_PixelData, colour.data(), static_cast<unsigned long>(colour.size()));
}

// The environment of workers that are started while it lives.
struct Setting {
  Setting(const char* name, const fs::path& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Setting() { ::unsetenv(name_); }
  const char* name_;
};

}  // namespace

TEST(BurnedText, ALineOfLettersIsFoundWhereItIs) {
  Canvas canvas = dark_canvas();
  const Lettering text = lettering("DOE JANE", 2, false);
  plant(canvas.image, text, 1, 70, 40, 1000);
  EXPECT_TRUE(io::lines_like_text(io::gray_slice(canvas.image, 0, 0, 1000)).empty());
  const auto lines = io::lines_like_text(io::gray_slice(canvas.image, 1, 0, 1000));
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].row, 72);
  EXPECT_EQ(lines[0].height, 14);
  EXPECT_EQ(lines[0].column, 42);
  EXPECT_EQ(lines[0].glyphs, 7);
  EXPECT_EQ(lines[0].flat, 1);
  EXPECT_FALSE(lines[0].dark);
}

TEST(BurnedText, PlantedBoxesAreRefusedAndNoWordOfThemIsTold) {
  io::WorkerPool workers;
  PlantedCount sum;
  Canvas phantom = phantom_canvas("CT", 112, 1, 4), noise = noise_canvas({4, 200, 256}, 300, 60, 5);
  for (Canvas* canvas : {&phantom, &noise}) {
    const PlantedCount one = plant_and_check(workers, *canvas, "CT", 15, 5);
    sum.planted += one.planted;
    sum.refused += one.refused;
  }
  EXPECT_GE(sum.planted, 20);
  EXPECT_GE(100 * sum.refused, 99 * sum.planted) << sum.refused << " of " << sum.planted;
}

TEST(BurnedText, PhantomsMarksAndNoiseAreTaken) {
  io::WorkerPool workers;
  const Scratch folder;
  int number = 0;
  const auto taken = [&](const volume::Volume& image, const char* modality) {
    return checked(workers, series_entry(folder / std::to_string(++number), image, modality));
  };
  for (const char* modality : {"CT", "MR"}) EXPECT_EQ(taken(phantom_canvas(modality, 64, 2, 4).image, modality), "");
  for (const char* mark : {"R", "L", "10 CM", "LEFT"}) EXPECT_EQ(taken(with_word(mark), "CT"), "") << mark;
  EXPECT_EQ(taken(noise_canvas({4, 160, 160}, 400, 200, 9).image, "MR"), "");
}

TEST(BurnedText, AnObjectThatSaysNoIsLookedAtAllTheSameAndOneThatIsNotToBeLookedAtIsTaken) {
  io::WorkerPool workers;
  const Scratch folder;
  const io::Entry entry = series_entry(folder / "s", with_word("DOE JANE"), "CT");
  for (const fs::path& file : entry.files)
    edit(file, [](DcmDataset& data) { put(data, DCM_BurnedInAnnotation, "NO"); });
  const std::string told = checked(workers, entry);
  EXPECT_NE(told.find("slice 1 "), std::string::npos) << told;
  EXPECT_NE(told.find("[BURNED_IN_TEXT]"), std::string::npos) << told;
  EXPECT_EQ(workers.load(entry, {}).notes, std::vector<std::string>{});
}

TEST(BurnedText, KindsThatMostlyHaveTextAreRefusedWhateverTheirPixelsShow) {
  std::set<std::string> references;
  for (const io::BurnedRule& rule : io::burned_rules()) {
    EXPECT_STRNE(rule.what, "");
    EXPECT_STRNE(rule.reference, "");
  }
  io::WorkerPool workers;
  const Scratch folder;
  const auto told = [&](const DcmTagKey& tag, const std::string& value, const std::string& maker = "") {
    const io::Entry entry = series_entry(folder / "s", dark_canvas().image, "CT");
    for (const fs::path& file : entry.files) {
      edit(file, [&](DcmDataset& data) {
        put(data, tag, value);
        if (!maker.empty()) put(data, DCM_Manufacturer, maker);
      });
    }
    const std::string object = text_code(workers, entry.files[0]), series = checked(workers, entry);
    EXPECT_EQ(object.empty(), series.empty()) << value;
    return series.substr(0, series.find(" mostly"));
  };
  EXPECT_EQ(told(DCM_BurnedInAnnotation, "YES"), "case planted: an object that says so itself");
  EXPECT_EQ(told(DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.7"), "case planted: a secondary capture");
  EXPECT_EQ(told(DCM_ImageType, "DERIVED\\SECONDARY\\SCREEN SAVE"), "case planted: a screen save");
  EXPECT_EQ(told(DCM_SeriesDescription, "Dose Report"), "case planted: a dose report");
  EXPECT_EQ(told(DCM_ImageType, "DERIVED\\SECONDARY\\DOSE_INFO", "Philips"), "case planted: a dose report");
  EXPECT_EQ(told(DCM_ImageType, "DERIVED\\SECONDARY\\DOSE_INFO", "Other"), "");
  EXPECT_EQ(told(DCM_ImageType, "DERIVED\\SECONDARY\\REFORMATTED"), "");
}

TEST(BurnedText, AnySingleObjectIsLookedAtInEveryFrameColourAndCompression) {
  io::WorkerPool workers;
  const Scratch folder;
  const auto object = [&](const std::string& word) {
    fs::remove_all(folder / "s");
    return series_entry(folder / "s", with_word(word), "CT").files[0];
  };
  EXPECT_EQ(text_code(workers, object("R")), "");
  EXPECT_EQ(text_code(workers, object("DOE JANE")), "BURNED_IN_TEXT");
  for (const auto& [syntax, how] : written_syntaxes()) {
    for (const char* word : {"R", "DOE JANE"}) {
      const fs::path file = object(word);
      edit(
          file, [](DcmDataset&) {}, syntax, how);
      EXPECT_EQ(text_code(workers, file), *word == 'R' ? "" : "BURNED_IN_TEXT") << syntax;
    }
  }
  for (const bool planar : {false, true}) {
    for (int channel = 0; channel < 3; ++channel) {
      for (const char* word : {"R", "DOE JANE"}) {
        const fs::path file = object(word);
        edit(file, [&](DcmDataset& data) { make_colour(data, channel, planar); });
        EXPECT_EQ(text_code(workers, file), *word == 'R' ? "" : "BURNED_IN_TEXT") << channel << planar;
      }
    }
  }
  const fs::path palette = object("R");
  edit(palette, [](DcmDataset& data) { put(data, DCM_PhotometricInterpretation, "PALETTE COLOR"); });
  EXPECT_EQ(text_code(workers, palette), "BURNED_IN_TEXT") << "what cannot be looked at is not passed on";
  const fs::path none = object("DOE JANE");
  edit(none, [](DcmDataset& data) { data.findAndDeleteElement(DCM_PixelData); });
  EXPECT_EQ(text_code(workers, none), "");
}

TEST(BurnedText, WhereNobodyCanReadItIsSaidAndShapesAreJudged) {
  const Scratch folder;
  fs::create_directories(folder / "empty");
  const Setting nowhere("TESSDATA_PREFIX", folder / "empty");
  io::WorkerPool workers;
  EXPECT_EQ(workers.require_no_text({}), std::vector<std::string>{"TEXT_UNREAD"});
  EXPECT_EQ(io::in_process().require_no_text({}), std::vector<std::string>{"TEXT_UNREAD"});
  io::Cohort cohort;
  cohort.burned_in = io::BurnedIn::kCheck;
  const io::Entry clean = series_entry(folder / "clean", dark_canvas().image, "CT");
  EXPECT_EQ(workers.load(clean, cohort).notes, std::vector<std::string>{"TEXT_UNREAD"});
  const io::Entry named = series_entry(folder / "named", with_word("DOE JANE"), "CT");
  EXPECT_NE(checked(workers, named).find("[BURNED_IN_TEXT]"), std::string::npos);
}

TEST(BurnedText, RealSeriesOfTheScannersAreTaken) {
  const fs::path root = shared_data() / "dicom/series";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  io::WorkerPool workers;
  int taken = 0;
  for (const char* name : {"anatomical/001", "ge/anatomical/001", "hitachi/anatomical/001", "philips/anatomical/001",
                           "generic/compressed_j2k/001"}) {
    io::Entry entry;
    entry.id = "real";
    entry.is_series = true;
    entry.files = files_in(root / name);
    EXPECT_EQ(checked(workers, entry), "") << name;
    ++taken;
  }
  EXPECT_EQ(taken, 5);
}
