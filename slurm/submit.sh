#!/usr/bin/env bash
# Submit a training with everything before and after it, each stage a job that waits for the one before:
#
#   slurm/submit.sh CONFIG RUN [A.B=VALUE ...]                      train, evaluate, report
#   slurm/submit.sh --source ~/celeba.zip CONFIG RUN [A.B=VALUE ...] prepare the set of data.path first
#
# Run it from the repository's folder. What the cluster needs to know stands in slurm/site.sh (or the file that
# PROGAN_SITE names). Prints the numbers of the jobs; their logs lie in RUN.
set -euo pipefail

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

source=""
prepare_options=()
while [[ ${1:-} == --* ]]; do
  case $1 in
    --source) source=${2:?--source: give a folder, a zip or synthetic} && shift 2 ;;
    --prepare) read -ra prepare_options <<<"${2:?--prepare: give options of progan prepare}" && shift 2 ;;
    *) usage ;;
  esac
done
[ $# -ge 2 ] || usage
config=$1 run=$2
shift 2
[ -f "$config" ] || { echo "error: $config: no such file; give a YAML of configs/" >&2 && exit 2; }

PROGAN_SLURM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PROGAN_SLURM
# shellcheck source=slurm/common.sh
. "$PROGAN_SLURM/common.sh"
setup
mkdir -p "$run"

common=(--parsable --kill-on-invalid-dep=yes --output="$run/%x-%j.log")
if [ -n "$ACCOUNT" ]; then common+=(--account="$ACCOUNT"); fi
common+=("${EXTRA[@]}")
gpu=("${common[@]}") cpu=("${common[@]}")
if [ -n "$PARTITION" ]; then gpu+=(--partition="$PARTITION"); fi
if [ -n "${CPU_PARTITION:-$PARTITION}" ]; then cpu+=(--partition="${CPU_PARTITION:-$PARTITION}"); fi
one_gpu=("${gpu[@]}")
if [ -n "$GPUS" ]; then gpu+=(--gres="$GPUS") one_gpu+=(--gres="${GPUS%:*}:1"); fi
if [ -n "$MEMORY" ]; then gpu+=(--mem="$MEMORY"); fi

after=()
submit() { # NAME OPTIONS... SCRIPT ARGUMENTS...: submit it behind the job before, print its number
  local name=$1 job
  shift
  job=$(sbatch "${after[@]}" "$@")
  job=${job%%;*}
  echo "$name $job"
  after=(--dependency="afterok:$job")
}

if [ -n "$source" ]; then
  out=$(progan settings "$config" "$@" --get data.path)
  array=()
  if [ "$PREPARE_PARTS" -gt 1 ]; then array=(--array="1-$PREPARE_PARTS"); fi
  submit prepare "${cpu[@]}" --cpus-per-task="$CPUS" "${array[@]}" \
    "$PROGAN_SLURM/prepare.sbatch" "$source" "$out" "${prepare_options[@]}"
  if [ "$PREPARE_PARTS" -gt 1 ]; then submit merge "${cpu[@]}" "$PROGAN_SLURM/merge.sbatch" "$out"; fi
fi
submit train "${gpu[@]}" --nodes="$NODES" --ntasks-per-node=1 --cpus-per-task="$((PROCESSES * CPUS))" \
  --time="$TIME" --signal="USR1@$WARNING" \
  "$PROGAN_SLURM/train.sbatch" "$config" "$run" "$@"
submit evaluate "${one_gpu[@]}" --cpus-per-task="$CPUS" "$PROGAN_SLURM/evaluate.sbatch" "$run"
submit report "${cpu[@]}" "$PROGAN_SLURM/report.sbatch" "$run"
