"""The device at hand."""

import os
import platform
from pathlib import Path

import torch

OF_GPU = 0.9  # of its memory: the rest is the driver's, and lost between tensors


def evaluation_device() -> torch.device:
    """Where images are generated and measured: of several GPUs that of this process."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_model() -> str:
    """Of the GPU, else of the CPU."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def device_name() -> str:
    """The model, with the threads where it is a CPU: equal names, about equal speed."""
    return device_model() + ("" if torch.cuda.is_available() else f", {torch.get_num_threads()} threads")


def device_memory() -> int:
    """Bytes that a process can have there, if it is the only one."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory * OF_GPU)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
