// gadolin store: look at stores, prove them, lay them out anew, put the parts of several machines together.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>

#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "core/table.h"
#include "pipelines/case_loop.h"
#include "pipelines/command.h"
#include "pipelines/ingest_quality.h"
#include "pipelines/inspect_subject.h"
#include "pipelines/store_options.h"
#include "store/merge.h"
#include "store/reader.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Words {
  std::string folder, out;
  std::vector<std::string> parts;
  std::vector<std::int64_t> patch;
  int workers = 0, compression = 0;
  bool json = false;

  int workers_or_all() const { return workers > 0 ? workers : core::usable_processors(); }
};

std::string size_text(const volume::Shape& shape) {
  return fmt::format("{} x {} x {}", shape.depth, shape.height, shape.width);
}

std::string spacing_text(const volume::Geometry& geometry) {
  const auto& mm = geometry.spacing_mm;
  return fmt::format("{:.4g} x {:.4g} x {:.4g}", mm[0], mm[1], mm[2]);
}

std::string channels_text(const store::CaseSummary& one) {
  std::string text;
  for (const store::ChannelSummary& channel : one.channels) {
    if (!channel.present) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", channel.modality, volume::name(channel.type));
  }
  return text;
}

core::Exit list(const Words& words) {
  const store::Reader reader(words.folder, {false});
  if (words.json) {
    json::array all;
    for (std::int64_t i = 0; i < reader.size(); ++i) {
      const store::CaseSummary& one = reader.summary(i);
      const auto& mm = one.geometry.spacing_mm;
      all.push_back(json::object{{"id", one.id},
                                 {"shape", json::array{one.shape.depth, one.shape.height, one.shape.width}},
                                 {"spacing_mm", json::array{mm[0], mm[1], mm[2]}},
                                 {"patient", one.groups.patient},
                                 {"labels", one.has_labels},
                                 {"sha256", one.hash}});
    }
    std::printf("%s\n", json::serialize(json::object{{"data_sha256", reader.data_hash()}, {"cases", all}}).c_str());
    return core::Exit::kDone;
  }
  core::Table table{{"case", "patient", "voxels d x h x w", "spacing mm", "channels", "labels"}, {}};
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary& one = reader.summary(i);
    table.rows.push_back({one.id, one.groups.patient, size_text(one.shape), spacing_text(one.geometry),
                          channels_text(one), one.has_labels ? "yes" : "-"});
  }
  std::printf("%s\n%lld cases, data %s\n", core::to_text(table).c_str(), static_cast<long long>(reader.size()),
              reader.data_hash().substr(0, 16).c_str());
  return core::Exit::kDone;
}

core::Exit check(const Words& words) {
  const store::Reader reader(words.folder);
  std::mutex mutex;
  std::vector<std::string> damaged;
  {
    core::Progress progress("check", "cases", reader.size());
    core::parallel_for(reader.size(), words.workers_or_all(), [&](std::int64_t i) {
      try {
        static_cast<void>(reader.load(i));
      } catch (const core::Error& error) {
        const std::scoped_lock lock(mutex);
        damaged.push_back(error.what());
      }
      progress.advance();
    });
  }
  std::sort(damaged.begin(), damaged.end());
  for (const std::string& story : damaged) std::fprintf(stderr, "%s\n", story.c_str());
  std::printf("store check: %lld cases, %zu damaged\n", static_cast<long long>(reader.size()), damaged.size());
  if (damaged.empty()) return core::Exit::kDone;
  return static_cast<std::int64_t>(damaged.size()) == reader.size() ? core::Exit::kNothingUsable
                                                                    : core::Exit::kSomeFailed;
}

CaseOutcome copied(const store::Reader& reader, std::int64_t index, store::Writer& writer) {
  const store::CaseSummary& summary = reader.summary(index);
  if (writer.has(summary.id, summary.source_hash)) return {CaseOutcome::Status::kPresent, "", ""};
  std::optional<volume::Case> one;
  store::ClassLocations locations;
  try {
    one = reader.load(index);
    for (const auto& [label, count] : summary.label_voxels) locations[label] = reader.class_locations(index, label);
  } catch (const core::Error& error) {
    return CaseOutcome::failed("DAMAGED", error);
  }
  return add_to(writer, *one, summary.source_hash, locations);
}

// What lies beside the cases.
void copy_notes(const fs::path& from, const fs::path& to) {
  for (const char* name : {kQualityFile, "plan.yaml"}) {
    if (!fs::exists(from / name)) continue;
    core::publish_file(to / name, [&](const fs::path& file) { fs::copy_file(from / name, file); });
  }
}

core::Exit repack(const Words& words) {
  const store::Reader reader(words.folder);
  store::WriterOptions options{reader.label_names(), reader.plan_yaml(), reader.names_key()};
  options.layout.compression = words.compression;
  if (!words.patch.empty()) options.layout.patch = {words.patch[0], words.patch[1], words.patch[2]};
  const core::StopSignal stop;
  store::Writer writer(words.out, options);
  const CaseLoop loop{"repack", reader.size(), words.workers_or_all(), &writer};
  const std::vector<CaseOutcome> outcomes =
      run_cases(loop, stop, [&](std::int64_t i) { return copied(reader, i, writer); });
  copy_notes(words.folder, words.out);
  tell_failures(outcomes);
  const CaseTally sum = tally_of(outcomes);
  const store::Reader made(words.out, {false});
  std::printf("store repack: %lld added%s; %s to %s\n", static_cast<long long>(sum.added), sum.text().c_str(),
              bytes_text(static_cast<double>(reader.size_bytes())).c_str(),
              bytes_text(static_cast<double>(made.size_bytes())).c_str());
  if (sum.failed == 0 && sum.left == 0 && made.data_hash() != reader.data_hash())
    throw core::Error("store repack: the folder holds other cases as well", "name a folder that is to be made");
  return sum.exit();
}

// The notes of quality control of all parts, so that a report of the whole needs no image again.
void join_quality_logs(const std::vector<fs::path>& parts, const fs::path& out) {
  const auto is_there = [](const fs::path& part) { return fs::exists(part / kQualityFile); };
  if (std::none_of(parts.begin(), parts.end(), is_there)) return;
  core::publish_file(out / kQualityFile, [&](const fs::path& file) {
    std::ofstream joined(file, std::ios::binary);
    for (const fs::path& part : parts) {
      if (!is_there(part)) continue;
      std::ifstream lines(part / kQualityFile, std::ios::binary);
      // A line that a killed run left unfinished ends with the file, and is left out.
      for (std::string line; std::getline(lines, line) && !lines.eof();) joined << line << '\n';
    }
    if (!joined.flush()) throw core::Error("cannot write the notes of quality control", "the disk may be full");
  });
}

core::Exit merge(const Words& words) {
  const std::vector<fs::path> parts(words.parts.begin(), words.parts.end());
  const store::Merged merged = store::merge(parts, words.out);
  join_quality_logs(parts, words.out);
  std::printf("store merge: %lld cases in %lld shards, %.1f MiB; %lld were in several parts, equal\n",
              static_cast<long long>(merged.cases), static_cast<long long>(merged.shards),
              static_cast<double>(merged.size_bytes) / (1 << 20), static_cast<long long>(merged.doubled));
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto words = std::make_shared<Words>();
  CLI::App* ls = app.add_subcommand("ls", "list the cases of a store");
  ls->add_option("STORE", words->folder, "folder of the store")->required();
  ls->add_flag("--json", words->json, "as one JSON object");
  CLI::App* proof = app.add_subcommand("check", "read every voxel and compare every checksum");
  proof->add_option("STORE", words->folder, "folder of the store")->required();
  proof->add_option("--workers", words->workers, "cases read at once; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  CLI::App* join = app.add_subcommand("merge", "one store of the parts that gadolin ingest --shard made");
  join->add_option("OUT", words->out, "folder to be made")->required();
  join->add_option("PART", words->parts, "stores; none of them is changed")->required();
  CLI::App* lay_out = app.add_subcommand("repack", "the same cases in another layout, every checksum compared");
  lay_out->add_option("STORE", words->folder, "folder of the store; it is not changed")->required();
  lay_out->add_option("OUT", words->out, "folder to be made, or gone on with")->required();
  add_compression(*lay_out, words->compression);
  lay_out->add_option("--patch", words->patch, "voxels of the boxes that it will be read by: chunks that suit them")
      ->type_name("D H W")
      ->expected(3)
      ->check(CLI::Range(1, 4096));
  lay_out->add_option("--workers", words->workers, "cases at once; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.require_subcommand(1);
  return [words, ls, proof, lay_out] {
    if (ls->parsed()) return list(*words);
    if (lay_out->parsed()) return repack(*words);
    return proof->parsed() ? check(*words) : merge(*words);
  };
}

}  // namespace

extern const Command store_command;
const Command store_command{"store", "list, prove, repack and merge stores",
                            "  gadolin store ls archive.store\n"
                            "  gadolin store check archive.store\n"
                            "  gadolin store repack archive.store small.store --compression 9\n"
                            "  gadolin store repack ready fast --compression 0 --patch 128 128 128\n"
                            "  gadolin store merge archive.store part1.store part2.store part3.store",
                            attach};

}  // namespace pipelines
