"""The device at hand."""

import os
import platform
import resource
import sys
from pathlib import Path

import torch

OF_GPU = 0.9  # of its memory: the rest is the driver's, and lost between tensors


def has_gpu() -> bool:
    """One that is wanted: ACCELERATE_USE_CPU leaves it alone."""
    return torch.cuda.is_available() and not wants_cpu()


def wants_cpu() -> bool:
    """Whether a GPU is to be left alone."""
    from accelerate.utils import parse_flag_from_env  # 0.2 s to import, for no command without a GPU

    return bool(parse_flag_from_env("ACCELERATE_USE_CPU"))


def evaluation_device() -> torch.device:
    """Where images are generated and measured: of several GPUs that of this process."""
    return torch.device("cuda" if has_gpu() else "cpu")


def device_model() -> str:
    """Of the GPU, else of the CPU."""
    if has_gpu():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def device_name() -> str:
    """The model, with the threads where it is a CPU: equal names, about equal speed."""
    return device_model() + ("" if has_gpu() else f", {torch.get_num_threads()} threads")


def device_memory() -> int:
    """Bytes that a process can have there, if it is the only one."""
    if has_gpu():
        return int(torch.cuda.get_device_properties(0).total_memory * OF_GPU)
    return _linux("meminfo", "MemAvailable") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_memory() -> int:
    """The most bytes so far: of tensors on the GPU where one is used, else of the process."""
    if has_gpu():
        return torch.cuda.max_memory_allocated()
    return _linux("self/status", "VmHWM") or _largest()


def main_memory() -> int:
    """Bytes of main memory that this process takes."""
    return _linux("self/status", "VmRSS") or _largest()


def _largest() -> int:
    """Bytes this process ever took. On Linux a child begins with what its parent took."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _linux(table: str, row: str) -> int | None:
    """Bytes, from a table of /proc; None on other systems."""
    try:
        lines = Path("/proc", table).read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{row}:"))
    except (OSError, StopIteration):
        return None
