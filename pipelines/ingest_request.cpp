#include "pipelines/ingest_request.h"

#include <cstdio>

#include "core/hash.h"
#include "io/deidentify_policy.h"
#include "pipelines/store_options.h"

namespace pipelines {

std::map<int, std::string> label_names_of(const IngestRequest& request) {
  std::map<int, std::string> names;
  for (const std::string& argument : request.labels) {
    const std::size_t cut = argument.find('=');
    const std::string number = argument.substr(0, cut);
    if (cut == std::string::npos || cut + 1 == argument.size() || number.empty() || number.size() > 5 ||
        number.find_first_not_of("0123456789") != std::string::npos || std::stoi(number) > 65535) {
      throw core::usage_error("--labels " + argument + " is not NUMBER=NAME", "for example --labels 1=liver 2=tumour");
    }
    names[std::stoi(number)] = argument.substr(cut + 1);
  }
  if (!names.empty()) names.emplace(0, "background");
  return names;
}

std::optional<io::Join> join_of(const IngestRequest& request) {
  if (request.table.empty()) return std::nullopt;
  return io::Join{request.table, request.by};
}

io::WorkerLimits limits_of(const IngestRequest& request) {
  io::WorkerLimits limits;
  limits.cpu_s = request.limit_s;
  limits.wall_s = 5 * request.limit_s;
  limits.memory_bytes = static_cast<std::uint64_t>(request.limit_mb) << 20;
  return limits;
}

Part part_of(const IngestRequest& request) {
  if (request.shard.empty()) return {};
  Part part;
  int read = 0;
  if (std::sscanf(request.shard.c_str(), "%u/%u%n", &part.number, &part.of, &read) != 2 ||
      static_cast<std::size_t>(read) != request.shard.size() || part.number < 1 || part.number > part.of)
    throw core::usage_error("--shard " + request.shard + " is no part of a whole",
                            "for example --shard 1/8 to --shard 8/8");
  return part;
}

void keep_part(const Part& part, std::vector<io::Entry>& entries) {
  std::erase_if(entries, [&](const io::Entry& entry) {
    return std::stoul(core::sha256_hex(entry.id).substr(0, 8), nullptr, 16) % part.of != part.number - 1;
  });
}

std::string deid_codes(const IngestRequest& request) {
  if (request.deid == "off") {
    if (!request.permission)
      throw core::usage_error("--deid off keeps who the patients are", "--i-have-permission says that you may");
    return "none";
  }
  const io::DeidPolicy policy = io::DeidPolicy::parse(request.deid);
  std::string codes = "113100";
  if (policy.has(io::DeidOption::kPatientCharacteristics)) codes += std::string(" ") + kPatientCharacteristics;
  if (policy.has(io::DeidOption::kInstitution)) codes += " 113112";
  return codes;
}

io::BurnedIn burned_in_of(const IngestRequest& request) {
  if (request.burned_in == "check") return io::BurnedIn::kCheck;
  if (!request.permission)
    throw core::usage_error("--burned-in off takes images with names in their pixels",
                            "--i-have-permission says that you may");
  return io::BurnedIn::kOff;
}

std::shared_ptr<IngestRequest> ingest_options(CLI::App& app) {
  auto request = std::make_shared<IngestRequest>();
  app.add_option("SOURCE", request->source, "folder, dataset.json's folder, .csv table or one image")->required();
  app.add_option("STORE", request->store, "folder of the store; made, or gone on with");
  std::vector<std::string> layouts{"auto"};
  for (const io::Layout* layout : io::layouts()) layouts.emplace_back(layout->name);
  app.add_option("--layout", request->layout, "how the source is laid out")
      ->check(CLI::IsMember(layouts))
      ->capture_default_str();
  app.add_option("--labels", request->labels, "declared classes, NUMBER=NAME; they win over the source's own")
      ->type_name("NUMBER=NAME")
      ->delimiter(',');
  app.add_option("--table", request->table, "labels, scores, groups and report texts to join before identifiers go")
      ->type_name("FILE");
  const auto keys = io::join_keys();
  app.add_option("--by", request->by, "the column of --table that names the case")
      ->check(CLI::IsMember(std::vector<std::string>(keys.begin(), keys.end())))
      ->capture_default_str();
  app.add_option("--workers", request->workers, "cases read at once, one volume each; 0 = one a processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_compression(app, request->compression);
  app.add_option("--commit-every", request->commit_every_s, "publish what was added at least this often, seconds")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--limit-seconds", request->limit_s,
                 "seconds of computing that one case may take; five times as long by the clock")
      ->check(CLI::Range(1.0, 86400.0))
      ->capture_default_str();
  app.add_option("--limit-mb", request->limit_mb, "memory that reading one case may take, its voxels included")
      ->check(CLI::Range(256, 1 << 20))
      ->capture_default_str();
  app.add_option(
         "--deid", request->deid,
         "what of DICOM headers is kept: basic,modified-dates ... as of gadolin deidentify, or off; a store keeps "
         "no dates, UIDs, devices or descriptions in any case")
      ->type_name("OPTIONS")
      ->capture_default_str();
  app.add_option("--burned-in", request->burned_in,
                 "look for text in the pixels of DICOM images and refuse what has some, or may have: check, or off")
      ->check(CLI::IsMember({"check", "off"}))
      ->capture_default_str();
  app.add_flag("--i-have-permission", request->permission,
               "with --deid off or --burned-in off: patients may be named in this store");
  app.add_option("--deid-key", request->deid_key,
                 "file of the key that DICOM images are named with; without it STORE.key beside the store, made once")
      ->type_name("FILE");
  app.add_option("--shard", request->shard,
                 "only this part of the cases, for many machines; gadolin store merge joins them")
      ->type_name("I/N");
  app.add_flag("--dry-run", request->dry_run, "read and check every case, forecast size and time, write nothing");
  app.add_option("--report", request->report, "of a dry run: write the page of quality control into this file")
      ->type_name("FILE");
  app.add_flag("--json", request->json, "the summary as one JSON object");
  return request;
}

}  // namespace pipelines
