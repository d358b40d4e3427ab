#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <future>

#include "core/parallel.h"
#include "enhanced_series.h"
#include "worker_cases.h"

using volume::Volume;
using volume::VoxelType;

namespace {

// An image with a scale, its label map, and all that a table can tell.
io::Entry told_entry(const Scratch& folder) {
  Volume image = oblique({5, 6, 7}, VoxelType::kInt16);
  image.scale = 1.0 / 3;
  image.offset = -1024.1;
  io::write_image(folder / "a.nii.gz", image);
  Volume label = oblique({5, 6, 7}, VoxelType::kUInt8);
  for (std::uint8_t& v : label.voxels<std::uint8_t>()) v = v > 200 ? 2 : 1;
  io::write_image(folder / "b.nii.gz", label);
  io::Entry entry = entry_of(folder / "a.nii.gz", "P 1");
  entry.channels.push_back({"absent", "MR", {}});
  entry.label = folder / "b.nii.gz";
  entry.groups = {"who", "where", "what"};
  entry.patient_told = true;
  entry.scalars = {{"score", 0.1}, {"age", 1.0 / 7}};
  entry.facts = {{"sex", "F"}};
  entry.report = "no lesion \n";
  return entry;
}

void expect_same_case(const volume::Case& a, const volume::Case& b) {
  EXPECT_EQ(a.id, b.id);
  ASSERT_EQ(a.channels.size(), b.channels.size());
  for (std::size_t i = 0; i < a.channels.size(); ++i) {
    EXPECT_EQ(a.channels[i].name, b.channels[i].name);
    EXPECT_EQ(a.channels[i].modality, b.channels[i].modality);
    ASSERT_EQ(a.channels[i].image.has_value(), b.channels[i].image.has_value());
    if (a.channels[i].image) expect_same_volume(*a.channels[i].image, *b.channels[i].image);
  }
  ASSERT_EQ(a.label_map.has_value(), b.label_map.has_value());
  if (a.label_map) expect_same_volume(*a.label_map, *b.label_map);
  EXPECT_EQ(a.scalars, b.scalars);
  EXPECT_EQ(a.facts, b.facts);
  EXPECT_EQ(a.report, b.report);
  EXPECT_EQ(a.groups.patient + a.groups.site + a.groups.vendor, b.groups.patient + b.groups.site + b.groups.vendor);
  EXPECT_EQ(a.notes, b.notes);
}

// The one worker of the pool, stopped: what it is asked next waits.
pid_t stopped(const io::WorkerPool& pool) {
  const pid_t process = pool.processes().at(0);
  ::kill(process, SIGSTOP);
  return process;
}

}  // namespace

TEST(Worker, ACaseComesBackAsItIsReadInThisProcess) {
  const Scratch folder;
  io::WorkerPool pool;
  io::Cohort declared;
  declared.label_names = {{0, "background"}, {1, "liver"}, {2, "tumour"}};
  const io::Entry entry = told_entry(folder);
  expect_same_case(pool.load(entry, declared), io::load(entry, declared));
  written(folder / "s", oblique({4, 3, 4}, VoxelType::kInt16));
  const io::Cohort cohort = io::find_cohort(folder / "s");
  const volume::Case one = pool.load(cohort.entries.at(0), cohort);
  expect_same_case(one, io::load(cohort.entries.at(0), cohort));
  EXPECT_EQ(one.groups.vendor, "gadolin");
  EXPECT_EQ(pool.started(), 1);
}

TEST(Worker, VolumesOfOneSeriesComeBackWithTheirFactsAsInThisProcess) {
  const Scratch folder;
  const Volume a = oblique({5, 6, 7}, VoxelType::kInt16), b = oblique({5, 6, 7}, VoxelType::kInt16);
  std::vector<std::size_t> order(10);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = (7 * i + 3) % order.size();
  write_enhanced(folder / "one.dcm", {{&a, 4.6}, {&b, 12}}, order);
  io::WorkerPool pool;
  const io::Cohort here = io::find_cohort(folder.path), there = io::find_cohort(folder.path, {.reading = &pool});
  ASSERT_EQ(here.entries.size(), 2U);
  ASSERT_EQ(there.entries.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(here.entries[i].only, there.entries[i].only);
    const volume::Case one = pool.load(there.entries[i], there);
    expect_same_case(one, io::load(here.entries[i], here));
    EXPECT_EQ(one.facts.at("echo_time_ms"), i == 0 ? "4.6" : "12");
  }
}

TEST(Worker, AnErrorComesBackWordForWord) {
  const Scratch folder;
  io::WorkerPool pool;
  io::Cohort one_class;
  one_class.label_names = {{1, "liver"}};
  const io::Entry undeclared = told_entry(folder);
  write_bytes(folder / "cut.nii.gz", bytes_of(folder / "a.nii.gz").substr(0, 300));
  for (const io::Entry& entry : {entry_of(folder / "cut.nii.gz"), entry_of(folder / "absent.nii"), undeclared}) {
    std::string here, there, hint_here, hint_there;
    try {
      io::load(entry, one_class);
    } catch (const core::Error& error) {
      here = error.story(), hint_here = error.hint();
    }
    try {
      pool.load(entry, one_class);
    } catch (const core::Error& error) {
      there = error.story(), hint_there = error.hint();
    }
    EXPECT_EQ(here, there);
    EXPECT_EQ(hint_here, hint_there);
    EXPECT_NE(here, "");
  }
  EXPECT_EQ(pool.started(), 1);
}

TEST(Worker, HeadersAreFoundAsInThisProcess) {
  const Scratch folder;
  Files files = written(folder / "s", oblique({4, 3, 4}, VoxelType::kInt16));
  const std::string odd = std::string("\xff\xfe name.dcm");  // not UTF-8
  std::filesystem::copy_file(files[0], folder.path / odd);
  write_bytes(folder / "cut.dcm", bytes_of(files[1]).substr(0, 400));
  write_bytes(folder / "notes.txt", "no image");
  write_bytes(folder / "empty.dcm", "");
  io::WorkerPool pool({.workers = 2});
  const io::DicomScan here = io::scan_dicom(folder.path, {.threads = 2}),
                      there = io::scan_dicom(folder.path, {.threads = 2, .reading = &pool});
  ASSERT_EQ(here.series.size(), 1U);
  ASSERT_EQ(there.series.size(), 1U);
  EXPECT_EQ(io::whole_series(here)[0].files, io::whole_series(there)[0].files);
  EXPECT_EQ(here.series[0].id, there.series[0].id);
  EXPECT_EQ(here.others, there.others);
  ASSERT_EQ(here.damaged.size(), there.damaged.size());
  for (std::size_t i = 0; i < here.damaged.size(); ++i) {
    EXPECT_EQ(here.damaged[i].why.code, there.damaged[i].why.code);
    EXPECT_EQ(here.damaged[i].why.story, there.damaged[i].why.story);
  }
}

TEST(Worker, AKilledWorkerCostsOneObject) {
  const Scratch folder;
  io::write_image(folder / "a.nii", oblique({5, 6, 7}, VoxelType::kInt16));
  const io::Entry entry = entry_of(folder / "a.nii");
  io::WorkerPool pool;
  const pid_t first = stopped(pool);
  std::future<core::Error> failed = std::async(std::launch::async, [&] { return error_of_load(pool, entry); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ::kill(first, SIGKILL);
  const core::Error error = failed.get();
  EXPECT_EQ(error.story(), "case one: the process that read it ended with signal 9 [WORKER_CRASH]");
  EXPECT_NE(error.hint(), "");
  EXPECT_EQ(pool.load(entry, {}).channels.size(), 1U);
  EXPECT_EQ(pool.started(), 2);
  // One that dies with nothing to do costs nothing.
  ::kill(pool.processes().at(0), SIGKILL);
  EXPECT_TRUE(within_seconds(5, [&] { return dead(pool.processes().at(0)); }));
  EXPECT_EQ(pool.load(entry, {}).channels.size(), 1U);
  EXPECT_EQ(pool.started(), 3);
}

TEST(Worker, OfManyFilesLookedAtAtOnceOnlyTheOneThatKillsIsLost) {
  const Scratch folder;
  const Files files = written(folder / "s", oblique({4, 3, 4}, VoxelType::kInt16));
  io::WorkerPool pool({.workers = 1, .limits = {.wall_s = 0.3}});
  stopped(pool);
  const auto looks = pool.look_at(files);  // late, and then each alone in a new one
  ASSERT_EQ(looks.size(), files.size());
  for (const io::FileLook& look : looks) EXPECT_EQ(look.kind, io::FileLook::Kind::kImage);
  EXPECT_EQ(pool.started(), 2);
}

TEST(Worker, OneThatDoesNotAnswerIsEndedByTheClock) {
  const Scratch folder;
  io::write_image(folder / "a.nii", oblique({5, 6, 7}, VoxelType::kInt16));
  io::WorkerPool pool({.workers = 1, .limits = {.wall_s = 0.2}});
  const pid_t first = stopped(pool);
  EXPECT_EQ(io::reason_of(error_of_load(pool, entry_of(folder / "a.nii"))), "WORKER_TIMEOUT");
  EXPECT_TRUE(dead(first));
  EXPECT_EQ(pool.load(entry_of(folder / "a.nii"), {}).channels.size(), 1U);
}

TEST(Worker, MemoryBeyondTheLimitIsRefusedAndTheWorkerGoesOn) {
  const Scratch folder;
  io::write_image(folder / "a.nii", oblique({5, 6, 7}, VoxelType::kInt16));
  // A header that promises 700 MiB, and as many packed bytes as can hold them: the voxels are asked for before they
  // come.
  std::string large = bytes_of(folder / "a.nii").substr(0, 352);
  const std::int16_t sides[3] = {1024, 1024, 350};
  std::memcpy(large.data() + 42, sides, sizeof sides);
  for (std::uint32_t i = 0; i < 1000000; ++i) large += static_cast<char>(i * i * 2654435761U >> 24);
  gzFile file = gzopen((folder / "large.nii.gz").c_str(), "wb1");
  gzwrite(file, large.data(), static_cast<unsigned>(large.size()));
  gzclose(file);
  io::WorkerPool pool({.workers = 1, .limits = {.memory_bytes = std::uint64_t{600} << 20}});
  const core::Error error = error_of_load(pool, entry_of(folder / "large.nii.gz"));
  EXPECT_EQ(error.story(), "case one: reading it needs more than the 600 MiB allowed [WORKER_MEMORY]");
  EXPECT_EQ(pool.load(entry_of(folder / "a.nii"), {}).channels.size(), 1U);
  EXPECT_EQ(pool.started(), 1);
}

TEST(Worker, ManyThreadsShareAFewWorkers) {
  const Scratch folder;
  io::write_image(folder / "a.nii.gz", oblique({5, 6, 7}, VoxelType::kInt16));
  io::WorkerPool pool({.workers = 2});
  std::array<std::size_t, 40> channels{};
  core::parallel_for(40, 8, [&](std::int64_t i) {
    channels[static_cast<std::size_t>(i)] = pool.load(entry_of(folder / "a.nii.gz"), {}).channels.size();
  });
  for (const std::size_t count : channels) EXPECT_EQ(count, 1U);
  EXPECT_LE(pool.started(), 2);
}

TEST(Worker, WorkersDieWithTheirParentAndNobodyReadsOnTheirCommandLine) {
  ::setenv("GADOLIN_TEST_SECRET", "hush", 1);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const io::WorkerPool pool;
    const int process = pool.processes().at(0);
    static_cast<void>(!::write(pipe[1], &process, sizeof process));
    ::pause();
    ::_exit(0);
  }
  int worker = 0;
  ASSERT_EQ(::read(pipe[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
  const std::string about = "/proc/" + std::to_string(worker);
  const std::string line = bytes_of(about + "/cmdline");
  EXPECT_TRUE(line.ends_with(std::string("/gadolin-worker") + '\0')) << line;
  EXPECT_EQ(line.find('\0'), line.size() - 1);
  EXPECT_EQ(bytes_of(about + "/environ").find("hush"), std::string::npos);
  EXPECT_FALSE(dead(worker));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(within_seconds(5, [&] { return dead(worker); }));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(Worker, AProgramThatIsNotThereIsAnErrorOfTheWholeRun) {
  const std::string error = error_of([] { io::WorkerPool pool({.workers = 1, .program = "/nowhere/gadolin-worker"}); });
  EXPECT_NE(error.find("gadolin-worker is not beside gadolin"), std::string::npos) << error;
  const std::string wrong = error_of([] { io::WorkerPool pool({.workers = 1, .program = "/bin/true"}); });
  EXPECT_NE(wrong.find("gadolin-worker does not start"), std::string::npos) << wrong;
}

TEST(Worker, MemoryThatIsStillLookedAtIsNotUsedForTheNextCase) {
  const Scratch folder;
  std::vector<Volume> images;
  for (const std::int64_t depth : {40, 30, 60, 5, 60}) {
    Volume image = oblique({depth, 40, 50}, VoxelType::kInt16);
    image.voxels<std::int16_t>()[3] = static_cast<std::int16_t>(images.size());
    io::write_image(folder / (std::to_string(images.size()) + ".nii"), image);
    images.push_back(io::read_image(folder / (std::to_string(images.size()) + ".nii")));
  }
  const auto load = [&](io::WorkerPool& pool, std::size_t i) {
    return pool.load(entry_of(folder / (std::to_string(i) + ".nii")), {});
  };
  io::WorkerPool pool;
  std::vector<volume::Case> held;
  for (std::size_t i = 0; i < images.size(); ++i) held.push_back(load(pool, i));
  for (std::size_t i = 0; i < images.size(); ++i) expect_same_volume(held[i].reference(), images[i]);
  // And where nobody looks any more it is, whatever the sizes.
  for (std::size_t i = 0; i < images.size(); ++i) {
    held.clear();
    held.push_back(load(pool, i));
    expect_same_volume(held.back().reference(), images[i]);
  }
  EXPECT_EQ(pool.started(), 1);
}
