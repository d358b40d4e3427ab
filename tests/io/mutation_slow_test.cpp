// Damaged files by the thousand through a worker: each is read or refused with a code within two seconds, and the
// worker lives on. GADOLIN_MUTATIONS=1000000 runs as many, GADOLIN_MUTATION_SEED=2 runs others.
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djencode.h>

#include <map>

#include "mutate.h"
#include "worker_cases.h"

namespace {

namespace fs = std::filesystem;

std::int64_t told(const char* name, std::int64_t otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::atoll(value) : otherwise;
}

// Slices 1 to 3 of a series stay sound; slice 0 is what gets damaged, in each transfer syntax.
std::vector<std::string> dicom_seeds(const fs::path& folder, Files& series) {
  series = written(folder / "series", oblique({4, 12, 10}, volume::VoxelType::kInt16));
  std::vector<std::string> seeds{bytes_of(series[0])};
  DJEncoderRegistration::registerCodecs();
  DJLSEncoderRegistration::registerCodecs();
  DcmRLEEncoderRegistration::registerCodecs();
  for (const E_TransferSyntax syntax :
       {EXS_LittleEndianImplicit, EXS_BigEndianExplicit, EXS_DeflatedLittleEndianExplicit, EXS_RLELossless,
        EXS_JPEGProcess14SV1, EXS_JPEGLSLossless}) {
    fs::copy_file(series[0], folder / "coded.dcm", fs::copy_options::overwrite_existing);
    edit(
        folder / "coded.dcm", [](DcmDataset&) {}, syntax);
    seeds.push_back(bytes_of(folder / "coded.dcm"));
  }
  return seeds;
}

std::vector<std::string> nifti_seeds(const fs::path& folder) {
  std::vector<std::string> seeds;
  const volume::Volume image = oblique({4, 5, 6}, volume::VoxelType::kInt16);
  for (const char* name : {"a.nii", "a.nii.gz", "f.nii.gz", "long.nii"}) {
    if (name[0] == 'a') io::write_image(folder / name, image);
    if (name[0] == 'f') io::write_image(folder / name, image.as_float());
    if (name[0] == 'l') io::write_image(folder / name, volume::Volume({2, 2, 40000}, volume::VoxelType::kUInt8, {}));
    seeds.push_back(bytes_of(folder / name));
  }
  return seeds;
}

void add_hostile(std::vector<std::string>& seeds, const fs::path& folder) {
  std::error_code absent;
  for (const auto& file : fs::directory_iterator(folder, absent)) {
    if (file.path().extension() != ".csv" && fs::is_regular_file(file) && file.file_size() < 100000)
      seeds.push_back(bytes_of(file.path()));
  }
}

}  // namespace

TEST(MutationSlow, EachIsReadOrRefusedAndNoWorkerDies) {
  const Scratch folder;
  Files series;
  std::vector<std::string> dicom = dicom_seeds(folder.path, series), nifti = nifti_seeds(folder.path);
  add_hostile(dicom, shared_data() / "hostile/dicom_files");
  add_hostile(nifti, shared_data() / "hostile/nifti");
  io::Entry slices;
  slices.id = "series";
  slices.is_series = true;
  slices.files = series;
  io::WorkerPool pool({.workers = 1, .limits = {.cpu_s = 2, .wall_s = 10}});
  const std::int64_t count = told("GADOLIN_MUTATIONS", 5000), seed = told("GADOLIN_MUTATION_SEED", 1);
  std::map<std::string, std::int64_t> outcomes;
  for (std::int64_t i = 0; i < count; ++i) {
    core::Rng rng({static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(i), 0, 0});
    const bool of_dicom = rng.chance(0.6);
    const std::vector<std::string>& seeds = of_dicom ? dicom : nifti;
    const std::string bytes = mutated(seeds, rng.below(seeds.size()), rng);
    const fs::path file = of_dicom ? series[0] : folder / (bytes.starts_with("\x1f\x8b") ? "m.nii.gz" : "m.nii");
    std::ofstream(file, std::ios::binary) << bytes;
    std::string code = "read";
    try {
      pool.load(of_dicom ? slices : entry_of(file), {});
    } catch (const core::Error& error) {
      code = io::reason_of(error);
    }
    ++outcomes[code];
    EXPECT_FALSE(code == "OTHER" || code.starts_with("WORKER_"))
        << "seed " << seed << " mutation " << i << ": " << code;
  }
  EXPECT_EQ(pool.started(), 1);
  EXPECT_GT(outcomes["read"], count / 50);
  EXPECT_GT(outcomes.size(), 12U);
  for (const auto& [code, times] : outcomes) RecordProperty(code, static_cast<int>(times));
}
