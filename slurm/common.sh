# shellcheck shell=bash
# What the scripts share: the site's facts, and how a job ends.

PROGAN_SLURM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PROGAN_SLURM # sbatch runs a copy of a script: where it came from
# shellcheck source=slurm/site.sh
. "${PROGAN_SITE:-$PROGAN_SLURM/site.sh}"

# OPTIONS of sbatch for a job of a run: job_options RUN cpu | gpu (one of them) | train.
job_options() {
  local run=$1 kind=$2 partition=$PARTITION gpus=$GPUS
  OPTIONS=(--parsable --kill-on-invalid-dep=yes --output="$run/%x-%j.log")
  case $kind in
    cpu) partition=${CPU_PARTITION:-$PARTITION} gpus="" ;;
    gpu) gpus=${GPUS:+${GPUS%:*}:1} ;;
  esac
  if [ -n "$partition" ]; then OPTIONS+=(--partition="$partition"); fi
  if [ -n "$ACCOUNT" ]; then OPTIONS+=(--account="$ACCOUNT"); fi
  if [ -n "$gpus" ]; then OPTIONS+=(--gres="$gpus"); fi
  if [ "$kind" = train ]; then
    OPTIONS+=(--nodes="$NODES" --ntasks-per-node=1 --cpus-per-task="$((PROCESSES * CPUS))")
    OPTIONS+=(--time="$TIME" --signal="USR1@$WARNING")
    if [ -n "$MEMORY" ]; then OPTIONS+=(--mem="$MEMORY"); fi
  fi
  OPTIONS+=("${EXTRA[@]}")
}

# OPTIONS of sbatch for measuring.
evaluation_options() {
  job_options "$1" gpu
  OPTIONS+=(--cpus-per-task="$CPUS")
  if [ -n "$EVALUATION_TIME" ]; then OPTIONS+=(--time="$EVALUATION_TIME"); fi
}

# While training goes on: submit a job for each new snapshot that is to be measured, once.
submit_evaluations() {
  local run=$1 snapshot job submitted=$1/slurm-evaluations
  evaluation_options "$run"
  while sleep "$EVALUATION_CHECK"; do
    # Before the first snapshot the list ends with an error, and sbatch may be out of reach for a while.
    while read -r snapshot; do
      if grep -qsxF "$snapshot" "$submitted"; then continue; fi
      if job=$(sbatch "${OPTIONS[@]}" "$PROGAN_SLURM/evaluate.sbatch" "$run" --snapshot "$snapshot"); then
        echo "job $job measures $snapshot"
        echo "$snapshot" >>"$submitted"
      fi
    done < <(progan evaluate "$run" --due --list 2>/dev/null)
  done
}

# Run a command once on each node. It ends as soon as one of them fails; the job's own time limit is its only other end.
srun_each_node() {
  srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
    --cpus-per-task="$((PROCESSES * CPUS))" --kill-on-bad-exit=1 "$@" &
  local pid=$! code=0
  # A signal to this shell ends `wait` early; srun passes it on and is waited for again.
  while kill -0 "$pid" 2>/dev/null; do
    code=0
    wait "$pid" || code=$?
  done
  return "$code"
}

# Images seen by the newest checkpoint of a run; 0 before the first.
images_seen() {
  progan status "$1" --field images_seen 2>/dev/null || echo 0
}

# Exit if the run was started MAX_STALLS times since it last wrote a new checkpoint.
give_up_without_progress() {
  local run=$1 seen before=-1 stalls=0
  seen=$(images_seen "$run")
  mkdir -p "$run"
  if [ -f "$run/slurm-starts" ]; then read -r before stalls <"$run/slurm-starts"; fi
  if [ "$seen" -gt "$before" ]; then stalls=0; else stalls=$((stalls + 1)); fi
  if [ "$stalls" -ge "$MAX_STALLS" ]; then
    rm -f "$run/slurm-starts"
    echo "error: $run: started $stalls times at $seen images without a new checkpoint; raise TIME in slurm/site.sh or" \
      "lower cadence.checkpoint_kimg, then submit it again" >&2
    exit 1
  fi
  echo "$seen $stalls" >"$run/slurm-starts"
}

# After training: requeue it if the time limit stopped it, end with its code otherwise.
go_on_or_end() {
  local run=$1 code=$2 state stopper
  state=$(progan status "$run" --field state 2>/dev/null || echo none)
  stopper=$(progan status "$run" --field signal 2>/dev/null || true)
  # One process alone returns 128 + the signal's number; launchers return 0.
  if [ "$state" = stopped ] && [ "$stopper" = SIGUSR1 ] && { [ "$code" = 0 ] || [ "$code" = 138 ]; }; then
    echo "requeued: $(progan status "$run")"
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
  fi
  if [ "$state" = finished ]; then rm -f "$run/slurm-starts"; fi
  echo "ended: $(progan status "$run" 2>/dev/null || echo "$run: nothing was trained")"
  exit "$code"
}
