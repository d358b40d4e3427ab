#pragma once
// What gadolin ingest is asked for: its options, and what they mean.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/join.h"
#include "io/layout.h"
#include "io/worker_message.h"
#include "pipelines/command.h"

namespace pipelines {

struct IngestRequest {
  std::string source, store, layout = "auto", shard, report, table, by = "PatientID", deid_key;
  std::string deid = "basic,modified-dates", burned_in = "check";
  std::vector<std::string> labels;
  int workers = 0, compression = 1;
  double commit_every_s = 60, limit_s = 60;
  std::int64_t limit_mb = 2048;
  bool dry_run = false, json = false, permission = false;
};

// Declares the options; the request is filled when the command line is read.
std::shared_ptr<IngestRequest> ingest_options(CLI::App& app);

// The functions below throw usage Error for what makes no sense.

std::map<int, std::string> label_names_of(const IngestRequest& request);  // 0 is the background unless said otherwise
std::optional<io::Join> join_of(const IngestRequest& request);
io::WorkerLimits limits_of(const IngestRequest& request);

// "2/8": the second of eight parts; the whole where none is asked for.
struct Part {
  unsigned number = 1, of = 1;
};
Part part_of(const IngestRequest& request);
// A case's part follows from its id alone, so parts are disjoint and together they are all, on whatever machines they
// are made.
void keep_part(const Part& part, std::vector<io::Entry>& entries);

inline constexpr const char* kPatientCharacteristics = "113108";  // CID 7050
// CID 7050 codes of what is applied to DICOM images, "none" for --deid off. A store keeps no date, UID, device or
// description of theirs, so options about those have nothing to do.
std::string deid_codes(const IngestRequest& request);

// Whether text is looked for in the pixels of DICOM images. Throws usage Error where that is off without permission.
io::BurnedIn burned_in_of(const IngestRequest& request);

}  // namespace pipelines
