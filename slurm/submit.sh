#!/usr/bin/env bash
# Submit a training with everything before and after it, each stage a job that waits for the one before:
#
#   slurm/submit.sh CONFIG RUN [A.B=VALUE ...]                      train, evaluate, report
#   slurm/submit.sh --source ~/celeba.zip CONFIG RUN [A.B=VALUE ...] prepare the set of data.path first
#     --prepare "--partition train"                                with these options of progan prepare
#
# Run it from the repository's folder. What the cluster needs to know stands in slurm/site.sh (or the file that
# PROGAN_SITE names). Prints the numbers of the jobs; their logs lie in RUN.
set -euo pipefail

usage() {
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
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

# shellcheck source=slurm/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
setup
mkdir -p "$run"

after=()
submit() { # NAME [MORE OPTIONS...] SCRIPT ARGUMENTS...: submit it with OPTIONS behind the job before, print its number
  local name=$1 job
  shift
  job=$(sbatch "${after[@]}" "${OPTIONS[@]}" "$@")
  job=${job%%;*}
  echo "$name $job"
  after=(--dependency="afterok:$job")
}

if [ -n "$source" ]; then
  out=$(progan settings "$config" "$@" --get data.path)
  array=()
  if [ "$PREPARE_PARTS" -gt 1 ]; then array=(--array="1-$PREPARE_PARTS"); fi
  job_options "$run" cpu
  submit prepare --cpus-per-task="$CPUS" "${array[@]}" \
    "$PROGAN_SLURM/prepare.sbatch" "$source" "$out" "${prepare_options[@]}"
  if [ "$PREPARE_PARTS" -gt 1 ]; then submit merge "$PROGAN_SLURM/merge.sbatch" "$out"; fi
fi
job_options "$run" train
submit train "$PROGAN_SLURM/train.sbatch" "$config" "$run" "$@"
evaluation_options "$run"
submit evaluate "$PROGAN_SLURM/evaluate.sbatch" "$run" --due # what is not measured by then
job_options "$run" cpu
submit report "$PROGAN_SLURM/report.sbatch" "$run"
