"""What a launcher of several processes has put into the environment: known before any library is imported."""

import os

from progan.types import ConfigError


def launcher_number(name: str, otherwise: int) -> int:
    """A number that a launcher has put into the environment. ConfigError for what is none."""
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise ConfigError(f"{name}: {text!r} in the environment is no number; unset it, or start through torchrun")
    return int(text or otherwise)


def is_alone() -> bool:
    """Whether nothing in the environment speaks of other processes."""
    several = any(launcher_number(name, 1) > 1 for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
    return not several and "MASTER_ADDR" not in os.environ


def is_main_process() -> bool:
    """By the launcher's environment: known before any library is imported."""
    try:
        return launcher_number("WORLD_SIZE", 1) < 2 or launcher_number("RANK", 0) == 0
    except ConfigError:  # which is told by this process then
        return True
