"""What can be seen to be wrong before a training begins: without its networks, and so without torch."""

from progan.engine.settings import OptimConfig
from progan.schedule import Stage
from progan.settings import Config, make_schedule
from progan.systems.settings import SystemConfig
from progan.types import ConfigError, DataError, DataSpec


def check_fit(config: Config, data: DataSpec, processes: int) -> None:
    """ConfigError or DataError unless data, batches, processes and parts of batches fit the system and the schedule."""
    config.system.check(data, config.schedule.resolution)
    stages = make_schedule(config).stages
    _check_limits(config.optim, {stage.resolution for stage in stages})
    for stage in stages:
        _check_data(stage, data, config.schedule.resolution)
        _check_batch(stage, config.system, processes)
        _check_parts(stage, config, processes)


def _check_limits(optim: OptimConfig, resolutions: set[int]) -> None:
    for resolution in optim.max_images_per_process.keys() - resolutions:
        known = ", ".join(map(str, sorted(resolutions)))
        raise ConfigError(
            f"optim.max_images_per_process.{resolution}: not a resolution of the schedule ({known}); leave it out"
        )


def _check_data(stage: Stage, data: DataSpec, final: int) -> None:
    if stage.resolution not in data.resolutions:
        largest = max(data.resolutions)
        raise DataError(
            f"schedule.resolution: {stage.resolution} px is not in the prepared data (up to {largest} px); "
            f"prepare with --resolution {final} or lower schedule.resolution"
        )


def _check_batch(stage: Stage, system: SystemConfig, processes: int) -> None:
    unit = processes * system.group
    if stage.batch % unit:
        groups = f" x groups of {system.group} in the minibatch statistic" if system.group > 1 else ""
        raise ConfigError(
            f"schedule.batch: {stage.batch} is not a multiple of {unit} ({processes} processes{groups}) at "
            f"{stage.resolution} px; make it {-(-stage.batch // unit) * unit}, or launch another number"
        )


def _check_parts(stage: Stage, config: Config, processes: int) -> None:
    system, share = config.system, stage.batch // processes
    if config.optim.part_size(stage.resolution, share, system.group) < share and system.indivisible:
        raise ConfigError(
            f"optim.max_images_per_process.{stage.resolution}: these networks or losses look at all {share} images "
            "of a process together; leave it out, or train with more processes"
        )
