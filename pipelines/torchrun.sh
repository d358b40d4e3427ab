#!/bin/sh
# Pretraining on all GPUs of one machine, or on the CPUs of it with two ranks.
# usage: torchrun.sh PREPARED RUN [options of gadolin pretrain]
# A run that ended because a rank was lost is started again up to three times, and goes on from its last checkpoint. One
# that was asked to stop (SIGTERM, SIGUSR1, a time limit) ends with 5 after a checkpoint; torchrun by itself would take
# that for a failure and start it again. It gives ranks 30 s for the checkpoint.
set -u

# Waits for a child and hands on what asks it to stop; its exit code is in $code.
await() {
  child=$1
  trap 'kill -TERM "$child" 2>/dev/null' TERM INT USR1
  wait "$child"
  code=$?
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
}

if [ "${1-}" = --rank ]; then
  shift
  gadolin "$@" &
  await $!
  [ "$code" -eq 5 ] || exit "$code"
  : > "$GADOLIN_STOPPED/$RANK"
  exit 0
fi

ranks=$(nvidia-smi --list-gpus 2>/dev/null | wc -l)
[ "$ranks" -gt 0 ] || ranks=2
store=$1 run=$2
shift 2
GADOLIN_STOPPED=$(mktemp -d)
export GADOLIN_STOPPED
# On several machines, on each: --nnodes 2 --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29400 for --standalone.
torchrun --no-python --standalone --nproc-per-node "$ranks" --max-restarts 3 \
  sh "$0" --rank pretrain "$store" --out "$run" "$@" &
await $!
[ -z "$(ls -A "$GADOLIN_STOPPED")" ] || code=5
rm -rf "$GADOLIN_STOPPED"
exit "$code"
