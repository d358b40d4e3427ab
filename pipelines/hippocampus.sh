#!/usr/bin/env bash
# The table of README: MSD Task04 Hippocampus, 8 labelled cases, pretrained beside scratch, 3 draws.
#
#   pipelines/hippocampus.sh TASK04 [FOLDER]     TASK04 holds dataset.json, imagesTr, labelsTr; default FOLDER: runs/hippocampus
#
# Both arms have the same steps, and each chooses its learning rate inside its 8 labelled cases. Goes on where it was stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=${1:?see the head of this file: the folder of MSD Task04 is wanted}
work=${2:-runs/hippocampus}
gadolin=${GADOLIN:-build/$(./third_party/build.sh gadolin)/gadolin}
recipe=configs/hippocampus.yaml split=configs/splits/hippocampus.csv
"$gadolin" ingest "$data" "$work/raw.store"
"$gadolin" prepare "$work/raw.store" "$work/ready.store" --config $recipe

tune() {  # arm, checkpoint or scratch
  for draw in 0 1 2; do
    "$gadolin" finetune "$work/ready.store" --task segmentation --init "$2" --labels 8 --draw $draw --learning-rates 2e-3,5e-3 \
      --split $split --out "$work/runs/$1-draw$draw" --config $recipe --threads 1
  done
}
tune scratch scratch >"$work/scratch.log" 2>&1 &
"$gadolin" pretrain "$work/ready.store" --out "$work/runs/mae" --split $split --config $recipe --threads 1
tune mae "$work/runs/mae"
wait $!
"$gadolin" report "$work/runs" --out "$work/report.html" --title "MSD Hippocampus, 8 labelled cases"
