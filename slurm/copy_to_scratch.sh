#!/usr/bin/env bash
# Copy a prepared set to a node's own disk, once: copy_to_scratch.sh SET SCRATCH. A copy cut short is begun anew.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=slurm/common.sh
. "$here/common.sh"
from=$1
to=$(scratch_path "$1" "$2")
mkdir -p "$2"
exec 9>"$to.lock"
flock 9 # two jobs may meet on a node
if ! cmp -s "$from/manifest.json" "$to/manifest.json"; then
  rm -rf "$to" "$to.partial"
  cp -r "$from" "$to.partial"
  mv "$to.partial" "$to"
  echo "$(hostname): copied $from to $to"
fi
