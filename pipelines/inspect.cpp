// gadolin inspect: any file of ours, an image, a folder of them: facts as text or JSON, and a picture.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "core/files.h"
#include "pipelines/command.h"
#include "pipelines/inspect_subject.h"
#include "pipelines/wings.h"
#include "report/png.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListed = 20;

struct Options {
  std::string path, png, case_id, label, op;
  std::int64_t slices = 1;
  std::uint64_t seed = 1;
  bool json = false, all = false, augment = false;
};

Subject look_at(const InspectRequest& request) {
  if (!fs::exists(request.path)) {
    throw core::usage_error("there is no " + request.path.string(), "is the path right, the drive mounted?");
  }
  if (!request.label.empty() && fs::is_directory(request.path)) {
    throw core::usage_error("--label goes with one image", "cases of a folder bring labels of their own");
  }
  if (is_store(request.path)) return inspect_store(request);
  if (request.augment) {
    throw core::usage_error("--augment goes with a case of a store", "gadolin ingest makes a store of images");
  }
  if (is_archive(request.path)) return inspect_archive(request);
  if (request.path.filename() == "manifest.json" || request.path.extension() == ".h5") {
    throw core::usage_error(request.path.filename().string() + " is a part of a store", "inspect the store's folder");
  }
#ifdef GADOLIN_HAS_IMAGING
  if (fs::is_regular_file(request.path) && is_image(request.path)) return inspect_image(request);
  return inspect_cohort(request);
#else
  throw core::Error("neither a store nor weights, and this build reads no images",
                    "build with -DGADOLIN_IMAGING=ON for NIfTI, NRRD, MHA and DICOM");
#endif
}

void print_text(const Subject& subject, bool all) {
  std::size_t width = 0;
  for (const Fact& each : subject.facts) width = std::max(width, core::display_width(each.name));
  std::printf("%s\n", subject.kind.c_str());
  for (const Fact& each : subject.facts) {
    const std::string space(width - core::display_width(each.name) + 2, ' ');
    std::printf("  %s%s%s\n", each.name.c_str(), space.c_str(), each.text.c_str());
  }
  if (!subject.plan.empty()) std::printf("\nplan\n%s", subject.plan.c_str());
  if (subject.cases.columns.empty()) return;
  core::Table shown = subject.cases;
  const std::size_t total = shown.rows.size();
  if (!all && total > kListed) shown.rows.resize(kListed);
  std::printf("\n%s", core::to_text(shown).c_str());
  if (shown.rows.size() < total) std::printf("... and %zu more (--all lists them)\n", total - shown.rows.size());
}

boost::json::object as_json(const Subject& subject) {
  boost::json::object facts;
  for (const Fact& each : subject.facts) {
    // A name that comes twice (notes, values of several channels) becomes a list.
    const std::string name = each.name.substr(each.name.find_first_not_of(' '));
    if (auto* const there = facts.if_contains(name); there == nullptr) {
      facts[name] = boost::json::array{each.value};
    } else {
      there->as_array().push_back(each.value);
    }
  }
  for (auto& [name, values] : facts) {
    if (values.as_array().size() == 1) values = boost::json::value(values.as_array().front());
  }
  boost::json::object all{{"kind", subject.kind}, {"facts", facts}};
  if (!subject.plan.empty()) all["plan"] = subject.plan;
  if (!subject.cases.columns.empty()) {
    boost::json::array rows;
    for (const auto& row : subject.cases.rows) {
      boost::json::object one;
      for (std::size_t i = 0; i < row.size(); ++i) one[subject.cases.columns[i]] = row[i];
      rows.push_back(one);
    }
    all[subject.kind == "weights" || subject.kind == "fault" ? "tensors" : "list"] = rows;
  }
  return all;
}

core::Exit inspect(const Options& options) {
  if (options.augment && options.png.empty())
    throw core::usage_error("--augment makes a picture", "say where: --png FILE");
  const Subject subject = core::with_context("inspect", [&] {
    return look_at(
        {options.path, options.case_id, options.label, options.slices, options.augment, options.op, options.seed});
  });
  if (!options.png.empty()) {
    if (!subject.picture) throw core::usage_error("there is no picture to write: this is a " + subject.kind);
    core::with_context("inspect", [&] { core::publish_file(options.png, report::png_bytes(subject.picture())); });
  }
  if (options.json) {
    std::printf("%s\n", boost::json::serialize(as_json(subject)).c_str());
  } else {
    print_text(subject, options.all);
    if (!options.png.empty()) std::printf("\npicture: %s\n", options.png.c_str());
  }
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("PATH", options->path, "a store, weights, an image, or a folder or table of images")->required();
  app.add_option("--png", options->png, "write a montage: axial, coronal, sagittal; labels in colour")
      ->type_name("FILE");
  app.add_option("--case", options->case_id, "one case of a store or folder")->type_name("ID");
  app.add_option("--label", options->label, "label map of an image, drawn over it")->type_name("FILE");
  app.add_option("--slices", options->slices, "slices of each plane in the picture of one case")
      ->check(CLI::Range(1, 24))
      ->capture_default_str();
#ifdef GADOLIN_HAS_TORCH
  CLI::Option* const augment =
      app.add_flag("--augment", options->augment, "the picture shows what each augmentation makes of the case");
  augment->needs("--case");
  app.add_option("--op", options->op, "several draws of this augmentation alone")->type_name("NAME")->needs(augment);
  app.add_option("--seed", options->seed, "of what is drawn")->needs(augment)->capture_default_str();
#endif
  app.add_flag("--all", options->all, "list every case, not only the first 20");
  app.add_flag("--json", options->json, "one JSON object instead of text");
  return [options] { return inspect(*options); };
}

}  // namespace

extern const Command inspect_command;
const Command inspect_command{"inspect", "show what a store, weights, an image or a folder of them holds",
                              "  gadolin inspect hippocampus.store --png cases.png\n"
                              "  gadolin inspect hippocampus.store --case hippocampus_007 --png one.png --slices 5\n"
                              GADOLIN_TORCH("  gadolin inspect raw.store --case p007 --augment --png ops.png\n")
                              "  gadolin inspect scan.nii.gz --label organs.nii.gz --png scan.png\n"
                              "  gadolin inspect run/last.safetensors --json\n"
                              "  gadolin inspect run/fault-812/batch.safetensors --png batch.png",
                              attach};

}  // namespace pipelines
