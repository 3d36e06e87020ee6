"""What can be seen to be wrong before a training begins."""

from progan.distributed.world import World
from progan.engine.play import OptimConfig
from progan.schedule import Schedule
from progan.systems.system import System
from progan.types import ConfigError, DataError, DataSpec


def check_fit(schedule: Schedule, data: DataSpec, system: System, optim: OptimConfig, world: World) -> None:
    """Whether data, batches, processes and their memory fit the schedule."""
    resolutions = {stage.resolution for stage in schedule.stages}
    for resolution in optim.max_images_per_process.keys() - resolutions:
        known = ", ".join(map(str, sorted(resolutions)))
        raise ConfigError(
            f"optim.max_images_per_process.{resolution}: not a resolution of the schedule ({known}); leave it out"
        )
    for stage in schedule.stages:
        if stage.resolution not in data.resolutions:
            largest = max(data.resolutions)
            raise DataError(
                f"schedule.resolution: {stage.resolution} px is not in the prepared data (up to {largest} px); "
                f"prepare with --resolution {system.resolution} or lower schedule.resolution"
            )
        unit = world.size * system.group
        if stage.batch % unit:
            groups = f" x groups of {system.group} in the minibatch statistic" if system.group > 1 else ""
            raise ConfigError(
                f"schedule.batch: {stage.batch} is not a multiple of {unit} ({world.size} processes{groups}) at "
                f"{stage.resolution} px; make it {-(-stage.batch // unit) * unit}, or launch another number"
            )
        share = stage.batch // world.size
        if optim.part_size(stage.resolution, share, system.group) < share and system.indivisible:
            raise ConfigError(
                f"optim.max_images_per_process.{stage.resolution}: these networks or losses look at all {share} images "
                "of a process together; leave it out, or train with more processes"
            )
