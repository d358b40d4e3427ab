#!/bin/sh
# Pretraining on all GPUs of one machine, or on the CPUs of it with two ranks.
# usage: torchrun.sh PREPARED RUN [options of gadolin pretrain]
# A run that ended because a rank was lost is started again up to three times, and goes on from its last checkpoint.
set -eu
ranks=$(nvidia-smi --list-gpus 2>/dev/null | wc -l)
[ "$ranks" -gt 0 ] || ranks=2
store=$1 run=$2
shift 2
# On several machines, on each: --nnodes 2 --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29400 for --standalone.
exec torchrun --no-python --standalone --nproc-per-node "$ranks" --max-restarts 3 \
  gadolin pretrain "$store" --out "$run" "$@"
