"""What can be seen to be wrong before a training begins: without its networks, and so without torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.console import say
from progan.config import load
from progan.data.manifest import Manifest
from progan.data.settings import open_set
from progan.engine.settings import OptimConfig
from progan.schedule import Stage
from progan.settings import Config, make_schedule
from progan.systems.settings import SystemConfig
from progan.types import ConfigError, DataError, DataSpec, LabelsMissing


class Checked(NamedTuple):
    """Settings, the prepared set that they name, and its facts as it is shown."""

    config: Config
    manifest: Manifest
    data: DataSpec


def checked(path: Path, overrides: Sequence[str], processes: int) -> Checked:
    """ConfigError or DataError unless they fit each other, and so many processes."""
    config = load(Config, path, overrides)
    manifest = open_set(config.data)
    data = config.data.shown(manifest.spec)
    check_fit(config, data, processes)
    return Checked(config, manifest, data)


def planned_data(config: Config) -> DataSpec | None:
    """As they are shown; of a set that is not prepared yet as of one without labels.

    None where the system depends on its labels.
    """
    if config.data.is_remote or Path(config.data.path).exists():
        return config.data.shown(open_set(config.data).spec)
    guess = DataSpec(config.schedule.resolutions, count=0, classes=(), fingerprint="")
    try:
        config.system.check_labels(guess)
    except LabelsMissing:
        say(f"{config.data.path} is not prepared yet: {config.system.name} depends on its labels")
        return None
    say(f"{config.data.path} is not prepared yet: taken as unlabelled")
    return guess


def check_fit(config: Config, data: DataSpec | None, processes: int) -> None:
    """ConfigError or DataError unless data, batches, processes and parts of batches fit the system and the schedule.

    data: None: not known yet.
    """
    stages = make_schedule(config).stages
    if data is not None:
        config.system.check_labels(data)
        _check_resolutions(stages, data)
    config.system.check_resolution(config.schedule.resolution)
    _check_limits(config.optim, {stage.resolution for stage in stages})
    _check_first_batch(stages[0], config.system)
    for stage in stages:
        _check_batch(stage, config.system, processes)
        _check_parts(stage, config, processes)


def _check_limits(optim: OptimConfig, resolutions: set[int]) -> None:
    for resolution in optim.max_images_per_process.keys() - resolutions:
        known = ", ".join(map(str, sorted(resolutions)))
        raise ConfigError(
            f"optim.max_images_per_process.{resolution}: not a resolution of the schedule ({known}); leave it out"
        )


def _check_resolutions(stages: Sequence[Stage], data: DataSpec) -> None:
    for stage in stages:
        if stage.resolution not in data.resolutions:
            largest = max(data.resolutions)
            raise DataError(
                f"schedule.resolution: {stage.resolution} px is not in the prepared data (up to {largest} px); "
                f"prepare with --resolution {stages[-1].resolution} or lower schedule.resolution"
            )


def _check_first_batch(stage: Stage, system: SystemConfig) -> None:
    if stage.batch < system.first_images:
        rule = f"{system.first_images} images are more than a batch of {stage.batch}"
        raise ConfigError(f"system.networks.reference: {rule}; lower it, or raise schedule.batch")


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
