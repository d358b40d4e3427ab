// Structured reports as text, free of the patient's words; objects of an archive joined to their images, here and
// through worker processes.

#include "io/dicom_report.h"

#include "io/format.h"
#include "io/source.h"
#include "label_cases.h"
#include "worker_cases.h"

using volume::Volume;
using volume::VoxelType;

namespace {

Volume picture() { return oblique({5, 6, 7}, VoxelType::kInt16); }

Said radiology(const std::string& finding = "A nodule in the left lower lobe.") {
  return {"CONTAINER",
          "CT Chest Report",
          "",
          "",
          {{"PNAME", "Observer Name", "Roe^Jane", "", {}, "HAS OBS CONTEXT"},
           {"TEXT", "Observer Organization", "St. Elsewhere", "", {}, "HAS OBS CONTEXT"},
           {"DATE", "Date of study", "20240131"},
           {"CONTAINER",
            "Findings",
            "",
            "",
            {{"TEXT", "Finding", finding, "", {{"NUM", "Diameter", "12.5", "mm"}, {"NUM", "Score", "4", "1"}}},
             {"CODE", "Laterality", "Left"}}},
           {"TEXT", "Impression", "Stable.\r\nNo effusion."}}};
}

const char* const kText =
    "CT Chest Report\nFindings\nFinding: A nodule in the left lower lobe.\nDiameter: 12.5 mm\nScore: 4\n"
    "Laterality: Left\nImpression: Stable.\nNo effusion.";

struct Archive {
  Scratch folder;
  Volume image = picture();
  Files files = written(folder / "a/ct", image);

  io::Cohort cohort() const { return io::find_cohort(folder / "a"); }
};

}  // namespace

TEST(DicomReport, TheContentTreeIsReadInItsOrder) {
  Archive archive;
  write_report(archive.folder / "a/sr.dcm", archive.files, radiology());
  const volume::Case one = the_case(archive.folder / "a");
  EXPECT_EQ(one.report, kText);
  EXPECT_EQ(one.notes, std::vector<std::string>{});
  EXPECT_FALSE(one.label_map);
}

TEST(DicomReport, NamesNumbersAndDatesOfTheHeaderAndTheTextAreTakenOut) {
  Archive archive;
  const auto file = archive.folder / "a/sr.dcm";
  write_report(file, archive.files,
               radiology("Mr Mustermann (Max), born 12 March 1965, Doe4711, was sent by Weissbrot from Elm Clinic. "
                         "Roe. A77-42. Nodule of 8 mm on 03.02.2024."));
  edit(file, [](DcmDataset& data) {
    put(data, DCM_PatientName, "Mustermann^Max");
    put(data, DCM_PatientBirthDate, "19650312");
    put(data, DCM_ReferringPhysicianName, "Weissbrot^Anna");
    put(data, DCM_AccessionNumber, "A77-42");
    put(data, DCM_InstitutionName, "Elm Clinic");
  });
  const std::string text = the_case(archive.folder / "a").report;
  for (const char* planted : {"Mustermann", "Max", "1965", "March", "Doe", "4711", "Weissbrot", "Elm", "Roe", "A77",
                              "42", "03.02.2024", "Elsewhere", "20240131"})
    EXPECT_EQ(text.find(planted), std::string::npos) << planted;
  EXPECT_NE(text.find("Nodule of 8 mm on [DATE]."), std::string::npos);
  EXPECT_NE(text.find("Diameter: 12.5 mm"), std::string::npos);
}

TEST(DicomReport, ATextInWhichANameMayStillBeIsLeftOut) {
  Archive archive;
  const auto file = archive.folder / "a/sr.dcm";
  write_report(file, archive.files, radiology("As known of Musterman."));  // a letter is missing
  edit(file, [](DcmDataset& data) { put(data, DCM_PatientName, "Mustermann^Max"); });
  const volume::Case one = the_case(archive.folder / "a");
  EXPECT_EQ(one.report, "");
  EXPECT_EQ(one.notes, std::vector<std::string>{"REPORT_IDENTITY"});
}

TEST(DicomReport, UmlautsOfLatin1BecomeUtf8AndAnUnknownCharacterSetCostsTheText) {
  Archive archive;
  const auto file = archive.folder / "a/sr.dcm";
  write_report(file, archive.files, radiology("Herd im Gef\xE4\xDF von M\xFCller."));
  edit(file, [](DcmDataset& data) {
    put(data, DCM_SpecificCharacterSet, "ISO_IR 100");
    put(data, DCM_PatientName, "M\xFCller^Eva");
  });
  EXPECT_NE(the_case(archive.folder / "a").report.find("Herd im Gefäß von [NAME]."), std::string::npos);
  edit(file, [](DcmDataset& data) { put(data, DCM_SpecificCharacterSet, "ISO_IR 999"); });
  const volume::Case one = the_case(archive.folder / "a");
  EXPECT_EQ(one.report, "");
  EXPECT_EQ(one.notes, std::vector<std::string>{"CHARSET"});
}

TEST(DicomReport, SeveralReportsStandInTheOrderOfTheirDates) {
  Archive archive;
  const auto later = archive.folder / "a/a.dcm", earlier = archive.folder / "a/b.dcm";
  write_report(later, archive.files, {"CONTAINER", "Addendum", "", "", {{"TEXT", "", "It grew."}}}, true, "later");
  write_report(earlier, archive.files, radiology());
  edit(later, [](DcmDataset& data) { put(data, DCM_ContentDate, "20240203"); });
  edit(earlier, [](DcmDataset& data) { put(data, DCM_ContentDate, "20240131"); });
  EXPECT_EQ(the_case(archive.folder / "a").report, std::string(kText) + "\n\nAddendum\nIt grew.");
}

TEST(DicomReport, OneWithoutEvidenceBelongsToTheOnlySeriesOfItsStudyElseToNone) {
  Archive archive;
  write_report(archive.folder / "a/sr.dcm", archive.files, radiology(), false);
  EXPECT_EQ(the_case(archive.folder / "a").report, kText);
  io::write_dicom(archive.folder / "a/mr", archive.image, {.key = "second", .patient = "Doe4711", .study = "key"});
  const io::Cohort cohort = archive.cohort();
  ASSERT_EQ(cohort.entries.size(), 2U);
  for (const io::Entry& entry : cohort.entries) EXPECT_EQ(io::load(entry, cohort).report, "");
  EXPECT_EQ(cohort.notes.at(0).substr(0, 24), "1 reports belong to no i");
}

TEST(DicomReport, CutOrChangedItIsAnErrorWithACodeAndNeverACrash) {
  Archive archive;
  write_report(archive.folder / "a/sr.dcm", archive.files, radiology());
  expect_damage_told(archive.folder / "a/sr.dcm", io::AttachedKind::kReport, archive.image);
}

TEST(DicomReport, FilesOfOthersAreRead) {
  const auto folder = shared_data() / "malformed/pydicom_test_files";
  if (!std::filesystem::exists(folder / "test-SR.dcm")) GTEST_SKIP() << "no shared data";
  const std::string text = io::read_report(folder / "test-SR.dcm").text;
  EXPECT_EQ(text.substr(0, 9), "Diagnosis");
  EXPECT_EQ(text.find("Riesmeier"), std::string::npos);
  EXPECT_FALSE(io::read_report(folder / "reportsi.dcm").text.empty());
}

namespace {

// The image with everything that may belong to it; another patient's; one without its image.
void write_archive(const std::filesystem::path& root) {
  const Volume image = picture();
  const Files files = written(root / "one/ct", image);
  const std::size_t size = image.bytes().size() / 2;
  Mask kidney(size), liver(size);
  for (std::size_t i = 0; i < size; ++i) (i % 3 == 0 ? kidney : liver)[i] = i % 5 != 0 && i / 42 != 1;
  write_segmentation(root / "one/seg.dcm", files, image, {{"Zebra", Mask(size)}, {"Kidney", kidney}});
  write_structures(root / "one/rt.dcm", files, image, {{"Aorta", {{{{1, 0.5, 0.5}, {1, 0.5, 2.6}, {1, 2.6, 2.6}}}}}});
  write_report(root / "one/sr.dcm", files, radiology());
  const Files others = written(root / "two/ct", image, "other", "Roe0815");
  write_segmentation(root / "two/seg.dcm", others, image, {{"liver", liver}}, {.key = "theirs"});
  const Files gone = written(root / "gone", image, "gone", "Poe42");
  write_segmentation(root / "alone.dcm", gone, image, {{"Liver", liver}}, {.key = "alone"});
  write_report(root / "alone_sr.dcm", gone, radiology(), true, "alone_sr");
  std::filesystem::remove_all(root / "gone");
}

const std::map<int, std::string> kNames{{1, "Aorta"}, {2, "Kidney"}, {3, "Liver"}, {4, "Zebra"}};

}  // namespace

TEST(DicomAttached, AnArchiveGivesTheSameCasesHereAndThroughWorkers) {
  const Scratch folder;
  write_archive(folder / "a");
  const io::Cohort here = io::find_cohort(folder / "a");
  EXPECT_EQ(here.label_names, kNames);
  io::WorkerPool pool({.workers = 2});
  io::LayoutOptions options;
  options.threads = 3;
  options.reading = &pool;
  const io::Cohort there = io::find_cohort(folder / "a", options);
  EXPECT_EQ(there.label_names, kNames);
  EXPECT_EQ(there.notes, here.notes);
  ASSERT_EQ(here.entries.size(), 3U);
  ASSERT_EQ(there.entries.size(), 3U);
  int labelled = 0, refused = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(here.entries[i].id, there.entries[i].id);
    EXPECT_EQ(io::source_hash(here.entries[i], here), io::source_hash(there.entries[i], there));
    if (here.entries[i].refused) {
      EXPECT_EQ(code_of(pool, there.entries[i]), "LABEL_WITHOUT_IMAGE");
      ++refused;
      continue;
    }
    const volume::Case a = io::load(here.entries[i], here), b = pool.load(there.entries[i], there);
    ASSERT_TRUE(a.label_map && b.label_map);
    expect_same_volume(*a.label_map, *b.label_map);
    EXPECT_EQ(a.report, b.report);
    EXPECT_EQ(a.notes, b.notes);
    ++labelled;
  }
  EXPECT_EQ(labelled, 2);
  EXPECT_EQ(refused, 1);
  ASSERT_FALSE(here.notes.empty());
  EXPECT_EQ(here.notes[0].substr(0, 9), "1 reports");
}

TEST(DicomAttached, WhatACaseIsMadeFromChangesItsHash) {
  Archive archive;
  const auto hash = [&] {
    const io::Cohort cohort = archive.cohort();
    return io::source_hash(cohort.entries.at(0), cohort);
  };
  const std::string bare = hash();
  write_report(archive.folder / "a/sr.dcm", archive.files, radiology());
  const std::string with = hash();
  write_report(archive.folder / "a/sr.dcm", archive.files, radiology("Nothing."));
  const std::string other = hash();
  EXPECT_NE(bare, with);
  EXPECT_NE(with, other);
}

TEST(DicomAttached, LabelsThatAreNamedKeepTheirNumbersWhateverIsInTheArchive) {
  const Scratch folder;
  write_archive(folder / "a");
  io::LayoutOptions options;
  options.label_names = {{0, "background"}, {5, "LIVER"}, {300, "aorta"}};
  const io::Cohort cohort = io::find_cohort(folder / "a", options);
  EXPECT_EQ(cohort.label_names, options.label_names);
  std::set<int> found;
  for (const io::Entry& entry : cohort.entries) {
    if (entry.refused) continue;
    const volume::Case one = io::load(entry, cohort);
    const bool first = !one.report.empty();  // with three objects, of which two have another class
    volume::with_type(one.label_map->type(), [&]<class T>(T) {
      for (const T v : one.label_map->voxels<T>()) found.insert(static_cast<int>(v));
    });
    EXPECT_EQ(std::count(one.notes.begin(), one.notes.end(), "LABEL_LEFT_OUT"), first ? 1 : 0);
  }
  EXPECT_EQ(found, (std::set<int>{0, 5, 300}));
}

TEST(DicomAttached, ALabelOfAnotherPatientFailsAloneAndTheImageStays) {
  Archive archive;
  write_segmentation(archive.folder / "a/seg.dcm", archive.files, archive.image,
                     {{"Kidney", Mask(archive.image.bytes().size() / 2, 1)}});
  edit(archive.folder / "a/seg.dcm", [](DcmDataset& data) { put(data, DCM_PatientID, "Roe0815"); });
  const io::Cohort cohort = archive.cohort();
  ASSERT_EQ(cohort.entries.size(), 2U);
  for (const io::Entry& entry : cohort.entries) {
    const std::string error = error_of([&] { EXPECT_FALSE(io::load(entry, cohort).label_map); });
    EXPECT_EQ(error.find("[PATIENT_MISMATCH]") != std::string::npos, entry.refused.has_value());
    EXPECT_EQ(error.find("Roe0815"), std::string::npos);
  }
}

TEST(DicomAttached, AnObjectThatNamesTwoSeriesGoesToThoseItLiesOn) {
  Archive archive;
  Volume moved = picture();
  moved.geometry.origin_mm[0] += 1;
  const Files other =
      io::write_dicom(archive.folder / "a/mr", moved, {.key = "second", .patient = "Doe4711", .study = "key"});
  const Mask mask(archive.image.bytes().size() / 2, 1);
  write_segmentation(archive.folder / "a/seg.dcm", archive.files, archive.image, {{"Kidney", mask}});
  edit(archive.folder / "a/seg.dcm", [&](DcmDataset& data) {
    refer_to(item_in(data, DCM_ReferencedSeriesSequence, -2), other, DCM_ReferencedInstanceSequence);
  });
  const io::Cohort cohort = archive.cohort();
  ASSERT_EQ(cohort.entries.size(), 2U);
  for (const io::Entry& entry : cohort.entries) {
    const volume::Case one = io::load(entry, cohort);
    const bool on_it = one.channels[0].modality == "CT";
    EXPECT_EQ(one.label_map.has_value(), on_it);
    EXPECT_EQ(std::count(one.notes.begin(), one.notes.end(), "LABEL_ELSEWHERE"), on_it ? 0 : 1);
  }
}
