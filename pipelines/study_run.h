#pragma once
// A study is run: cell by cell, each a `gadolin finetune` of its own behind the `gadolin pretrain` it begins with.

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "pipelines/study_plan.h"

namespace pipelines {

struct StudyRequest {
  std::filesystem::path store, out, split;  // split: may be empty, then 30 % of the patients are the test set
  std::string device = "auto";
  int threads = 1;                     // of torch in each training
  std::int64_t shard = 1, shards = 1;  // this process takes every shards-th cell
  std::int64_t most_cells = 0;         // ends after so many; 0: all
  bool keep = false, dry_run = false;
};

// OUT/study.json: the plan, its grid and the claimed arm, written before anything is trained; OUT/split.csv;
// OUT/cells/HASH.json: what is finished; OUT/work/HASH: what is being made, removed when its cell is finished unless
// `keep` (pretrainings stay). Several processes may work in one folder, on machines that share it: each cell is locked
// while it is made. Stopped or killed, the same command goes on, also inside a cell.
//
// A training that ended with an error is a cell that says so, no reason to stop; kSomeFailed then. Throws usage Error
// when OUT holds another study, or one that claimed another arm.
core::Exit run_study(const StudyRequest& request, const StudyPlan& plan);

}  // namespace pipelines
