"""Where a training runs: the Accelerator, and the combinations that cannot work."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from pipelines.device import has_gpu, wants_cpu
from pipelines.ending import TRAINING_ERROR
from pipelines.launcher import launcher_number
from progan.distributed.watch import Watch
from progan.distributed.world import World
from progan.engine.settings import Precision
from progan.engine.timing import elapsed
from progan.rundir import RunDirectory
from progan.types import ConfigError, LostRank

# For all processes to be there, and for one that is late within a round. Where one may be at work for long while the
# others wait, agreements have a patience of their own.
PATIENCE = timedelta(minutes=10)
SET_BY_LAUNCHERS = (
    *("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT"),
    *("SLURM_NTASKS_PER_NODE", "SLURM_STEP_NUM_TASKS"),
)


def make_accelerator(directory: RunDirectory | None, expected: int | None = None) -> Accelerator:
    """The processes as launched; ConfigError for a launch that would silently do something else.

    directory: of the run; None: there is none, and nothing is logged. expected: how many processes the user means to
    have; None: as many as were launched. LostRank if some stay away.
    """
    for name in SET_BY_LAUNCHERS:
        launcher_number(name, 0)
        if not os.environ.get(name):
            os.environ.pop(name, None)  # libraries read an empty one as a number
    processes = launcher_number("WORLD_SIZE", 1)
    if has_gpu():
        require_a_gpu_each(min(local_processes(), processes), torch.cuda.device_count())
    elif not torch.cuda.is_available():
        require_no_gpu_given()
    accelerator = _met(processes, directory)
    _require_together(accelerator, processes)
    if expected is not None and processes != expected:
        rule = f"{processes} of {expected} processes were launched; correct the launcher's options"
        raise ConfigError(f"--processes: {rule}")
    return accelerator


def _met(processes: int, directory: RunDirectory | None) -> Accelerator:
    """Wait for all processes; LostRank if some stay away."""
    try:
        return Accelerator(
            cpu=not has_gpu(),
            mixed_precision="no",  # autocast is entered around each play; see progan.engine.play
            log_with=None if directory is None else "tensorboard",
            project_dir=None if directory is None else str(directory.root),
            kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
        )
    except ValueError as error:  # the environment says half of what a launcher would
        raise ConfigError(f"WORLD_SIZE: {error}; start it through accelerate launch or torchrun") from error
    except RuntimeError as error:
        if processes == 1:
            raise
        waited = f"{PATIENCE.total_seconds():g} s: {str(error).splitlines()[0]}"
        raise LostRank(f"not all of {processes} processes met within {waited}") from error


def _require_together(accelerator: Accelerator, processes: int) -> None:
    """ConfigError where each process would train alone."""
    if accelerator.num_processes != processes:
        raise ConfigError(
            f"WORLD_SIZE: {processes} processes were launched but each sees {accelerator.num_processes}; "
            "on CPUs launch with ACCELERATE_USE_CPU=true"
        )
    if "MASTER_ADDR" in os.environ and "WORLD_SIZE" not in os.environ:
        raise ConfigError(
            "MASTER_ADDR: set, but without WORLD_SIZE this is one process alone, as accelerate launch --cpu starts it "
            "whatever --num_processes says; use ACCELERATE_USE_CPU=true accelerate launch --multi_gpu, or unset it"
        )
    if processes == 1 and launcher_number("SLURM_STEP_NUM_TASKS", 1) > 1:
        raise ConfigError(
            "SLURM_STEP_NUM_TASKS: srun started several tasks but each would train alone; "
            "start them through accelerate launch or torchrun, as slurm/train.sbatch does"
        )


def local_processes() -> int:
    """Of this machine; a launcher that does not say it is taken to have one here."""
    return launcher_number("LOCAL_WORLD_SIZE", launcher_number("SLURM_NTASKS_PER_NODE", 1))


def require_a_gpu_each(processes: int, gpus: int) -> None:
    """ConfigError where several processes would share a GPU. Where each is shown one alone, it is its own."""
    if gpus < processes and (gpus > 1 or "CUDA_VISIBLE_DEVICES" not in os.environ):
        raise ConfigError(f"LOCAL_WORLD_SIZE: {processes} processes on a machine with {gpus} GPUs; launch one for each")


def require_no_gpu_given() -> None:
    """ConfigError where the scheduler gave GPUs that torch does not see: the CPU would work in their place, unasked."""
    if launcher_number("SLURM_GPUS_ON_NODE", 0) and not wants_cpu():
        for_cpus = torch.version.cuda is None and torch.version.hip is None
        reason = "it is built for CPUs" if for_cpus else "the driver may be too old for it"
        raise ConfigError(
            f"SLURM_GPUS_ON_NODE: the job has GPUs, but torch {torch.__version__} sees none ({reason}); "
            "install another torch, or set ACCELERATE_USE_CPU=true"
        )


def check_precision(precision: Precision) -> None:
    """ConfigError for one that this machine or the launcher would silently replace by another."""
    wanted = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if precision in ("fp16", "tf32") and not has_gpu():
        raise ConfigError(f"optim.precision: {precision} needs a GPU; use bf16 or fp32 on a CPU")
    if precision in ("bf16", "tf32") and has_gpu() and torch.cuda.get_device_capability() < (8, 0):
        rule = f"{torch.cuda.get_device_name()} has no instructions for it; use fp16 or fp32"
        raise ConfigError(f"optim.precision: {precision}, but {rule}")
    if wanted not in ("no", precision):
        raise ConfigError(f"optim.precision: {precision}, but the launcher says {wanted}; leave its option out")


def product_seconds(dtype: torch.dtype) -> float:
    """Of a small matrix product on the CPU, the least of three after one to warm up."""
    matrix = torch.ones(192, 192, dtype=dtype)
    return min([elapsed(lambda: matrix @ matrix, 1, torch.device("cpu")) for _ in range(4)][1:])


def slow_precision(precision: Precision, seconds: Callable[[torch.dtype], float] = product_seconds) -> str | None:
    """A note where another precision is meant to be faster: on CPUs without instructions for bf16 fp32, on a GPU with
    tensor cores all but fp32.

    seconds: of the same work in a dtype.
    """
    if has_gpu():
        if precision != "fp32" or torch.cuda.get_device_capability() < (8, 0):
            return None
        return "note: optim.precision=fp32 leaves this GPU's tensor cores unused; tf32 and bf16 use them"
    if precision != "bf16" or seconds(torch.bfloat16) < seconds(torch.float32):
        return None
    return "note: optim.precision=bf16 is slower than fp32 on this CPU, which has no instructions for it"


def check_compiler(wanted: bool) -> None:
    """ConfigError where torch.compile would fail at the first image."""
    if wanted and not any(map(shutil.which, filter(None, (os.environ.get("CXX"), "c++", "g++", "clang++", "cl")))):
        raise ConfigError("optim.compile: there is no C++ compiler; install g++, or leave it off")


def keep_compiled(folder: Path) -> None:
    """Where torch.compile keeps what it makes, for later processes too. A folder that the user has set stays."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder.resolve()))


def make_world(accelerator: Accelerator) -> World:
    """The rank facts."""
    return World(
        accelerator.process_index, accelerator.num_processes, min(local_processes(), accelerator.num_processes)
    )


@contextmanager
def watched(world: World) -> Iterator[Watch]:
    """While this runs, a process that is gone or stands still ends all others, with a line that names it."""

    def lost(message: str) -> None:
        if world.is_main or message.startswith("rank 0 "):
            print(f"error: {message}; the same command goes on from the last checkpoint", file=sys.stderr, flush=True)
        os._exit(TRAINING_ERROR)  # the main thread may wait for the missing one for ever

    watch = Watch(world, lost)
    try:
        yield watch
    except LostRank:
        time.sleep(2 * watch.gone)  # by then the watch has found out who it was
        raise
    except BaseException:
        watch.stop()
        raise
    watch.close()
