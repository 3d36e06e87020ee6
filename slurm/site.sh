# shellcheck shell=bash disable=SC2034
# What is particular to your cluster: edit this file, nothing else. Every script here reads it.

# --- what sbatch is told -----------------------------------------------------------------------------------------------
PARTITION=""        # of the training; empty: the cluster's default
CPU_PARTITION=""    # of prepare, merge and report, which need no GPU; empty: the same as PARTITION
ACCOUNT=""          # who pays; empty: your default
NODES=1             # of the training
PROCESSES=1         # training processes a node: as many as a node has GPUs that you want
GPUS=""             # a node, as --gres says it: gpu:4, gpu:a100:8; empty: train on CPUs
CPUS=8              # a process: it decodes images ahead with them
MEMORY=""           # a node, as 200G; empty: the cluster's default
TIME=24:00:00       # of one training job; it is requeued at the limit and goes on
EVALUATION_TIME=""  # of one evaluation; empty: the partition's default
WARNING=180         # seconds before the limit at which training is told to save (Slurm may be up to 60 s early)
PREPARE_PARTS=1     # jobs that prepare a set side by side
EXTRA=()            # more options of sbatch, as (--qos=long --constraint=h100)

# --- what a job does first ---------------------------------------------------------------------------------------------
# Make the command `progan` and its Python known: modules, a virtual environment, a container.
setup() {
  # module load python/3.11 cuda/12.4
  if [ -f .venv/bin/activate ]; then
    # shellcheck disable=SC1091
    . .venv/bin/activate
  fi
}

# --- what training may lean on -----------------------------------------------------------------------------------------
EVALUATION_JOBS=yes # snapshots are measured by jobs of their own and training never waits; no: it measures them itself
EVALUATION_CHECK=300  # seconds between looks for new snapshots
SCRATCH=""          # folder on each node's own disk, as /scratch/$USER: shards are copied there before a resolution is
                    # trained, up to data.cache_gb; empty: read in place
MAX_STALLS=3        # a training that starts so often without a new checkpoint in between is given up
# export NCCL_SOCKET_IFNAME=ib0 GLOO_SOCKET_IFNAME=ib0   # which network joins the nodes, where they have several
