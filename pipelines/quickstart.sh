#!/usr/bin/env bash
# The whole way on made-up patients, set-up included: a DICOM archive -> store -> pretraining without labels -> fine-tuning
# with few labels, beside the same training from scratch -> report.html.
#
#   pipelines/quickstart.sh [FOLDER]     default: runs/quickstart; goes on where it was stopped
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=${1:-runs/quickstart}
case $work in -h | --help) sed -n '2,6p' "$0"; exit 0 ;; esac
preset=$(./third_party/build.sh gadolin)
gadolin=build/$preset/gadolin
recipe=configs/quickstart.yaml
start=$SECONDS
say() { printf '\n== %s (%s s)\n' "$1" "$((SECONDS - start))"; }

say "48 made-up patients as a DICOM archive; 32 of them with labels"
"$gadolin" phantom "$work/archive" --format dicom --config $recipe
say "ingest: DICOM and labels into a store"
"$gadolin" ingest "$work/archive/cases.csv" "$work/raw.store"
say "prepare: one orientation, spacing and intensity scale"
"$gadolin" prepare "$work/raw.store" "$work/prepared.store" --config $recipe
say "pretrain an encoder on all scans of the training patients, without labels"
"$gadolin" pretrain "$work/prepared.store" --out "$work/runs/pretrain" --split "$work/archive/split.csv" --config $recipe
for task in segmentation classification; do
  # A label map says far more of a patient than a yes or no.
  if [[ $task == segmentation ]]; then labels=8 steps=250; else labels=16 steps=150; fi
  for init in scratch "$work/runs/pretrain"; do
    arm=$([[ $init == scratch ]] && echo scratch || echo pretrained)
    say "fine-tune for $task with $labels labelled patients, $arm"
    "$gadolin" finetune "$work/prepared.store" --task "$task" --init "$init" --labels "$labels" \
      --split "$work/archive/split.csv" --out "$work/runs/$task-$arm" --config $recipe --set trainer.steps=$steps
  done
done
say "report"
"$gadolin" report "$work/runs" --out "$work/report.html" --title "gadolin quickstart: made-up patients"
printf '\nquickstart: done in %s s after the build; look at %s\n' "$((SECONDS - start))" "$work/report.html"
