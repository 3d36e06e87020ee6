"""Going on where a run stopped."""

from functools import partial

from pipelines.console import say
from progan.config import dotted
from progan.distributed.agreement import from_main_rank, on_every_rank
from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint
from progan.engine.train import Training
from progan.report.records import read_run
from progan.rundir import RunDirectory, seen_by
from progan.settings import Config, config_of, make_schedule
from progan.types import ConfigError, Damaged, DataError, DataSpec

# What may differ when a run goes on: where the same images lie, how often things are written and measured.
FREE_TO_CHANGE = (
    *("cadence.", "evaluation.", "data.path", "data.resident_gb", "data.read_ahead", "data.cache"),
    *("data.on_error", "data.max_skipped", "optim.max_images_per_process"),
)
# So may the schedule, of what is not trained yet: as if it had been there from the start. Networks are built for this:
FIXED = "schedule.resolution"


def resume(training: Training, directory: RunDirectory, config: Config, data: DataSpec, world: World) -> None:
    """Put the newest checkpoint of the run, the same on every rank, into `training`; a new run starts at 0."""

    def refuse() -> None:
        if directory.config.exists():
            _refuse_changes(directory, config)
            _refuse_other_data(directory, data)
            read_run(directory)  # what is damaged is refused before anything is forgotten
        elif found := directory.recorded():
            rule = f"{directory.config.name} is missing, and there is {found[0].relative_to(directory.root)}"
            raise DataError(f"{directory.root}: {rule}; restore it, or give another --run")
        _refuse_lost_checkpoints(directory)

    on_every_rank(refuse, world)
    _load_newest(training, directory, world)


def tidy(training: Training, directory: RunDirectory, config: Config) -> None:
    """Forget what an earlier call recorded after that checkpoint; for the main process, when all have read it."""
    directory.rewind(training.images_seen if directory.checkpoints() else -1)
    directory.drop_oldest(config.cadence.keep_checkpoints)
    directory.write_config(config.model_dump(mode="json"))


def _load_newest(training: Training, directory: RunDirectory, world: World) -> None:
    """The newest that all ranks can read, of those the main rank finds."""
    checkpoints = from_main_rank(directory.checkpoints, world)
    for path in reversed(checkpoints):
        try:
            on_every_rank(partial(load_checkpoint, training, path), world)
        except Damaged as error:
            say(f"warning: {error}; trying the one before")
            continue
        say(f"going on from {path} at {training.images_seen / 1000:.1f} kimg")
        return
    if checkpoints:
        raise DataError(f"{directory.root}: no checkpoint can be read; start a new run with --run")


def _refuse_changes(directory: RunDirectory, config: Config) -> None:
    # What an older release did not know yet is at its default.
    before, now = (dotted(one.model_dump(mode="json")) for one in (config_of(directory), config))
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    free = (*FREE_TO_CHANGE, "schedule.") if _goes_on(directory, config) else FREE_TO_CHANGE
    fixed = [key for key in changed if not key.startswith(free) or key == FIXED]
    if fixed:
        listed = "; ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in fixed)
        raise ConfigError(f"{listed}: {directory.root} was begun otherwise; give another --run or the old settings")


def _goes_on(directory: RunDirectory, config: Config) -> bool:
    """Whether all that the run has trained so far, by its own settings, is what the schedule of `config` says."""
    checkpoints = directory.checkpoints()
    seen = seen_by(checkpoints[-1]) if checkpoints else 0
    before, now = make_schedule(config_of(directory)), make_schedule(config)
    ends_before = now.total_images + now.stages[-1].batch <= seen
    return now.agrees(before, seen) and not ends_before


def _refuse_other_data(directory: RunDirectory, data: DataSpec) -> None:
    if not directory.facts.exists():
        return
    before = directory.fact("data", "fingerprint")
    if before != data.fingerprint:
        raise DataError(f"data.path: the images differ from those {directory.root} was begun with; give another --run")


def _refuse_lost_checkpoints(directory: RunDirectory) -> None:
    """Beginning anew would delete all results; a snapshot alone a killed training may have left before any."""
    if directory.checkpoints():
        return
    snapshots, measured = directory.snapshots(), [one for one in directory.read_metrics() if one["images_seen"] > 0]
    went_far = directory.status.exists() and directory.read_status().images_seen > 0
    if len(snapshots) > 1 or measured or went_far:
        held = f"holds {len(snapshots)} snapshots and no checkpoint, though there was one"
        raise DataError(f"{directory.root}: {held}; restore it, or give another --run")
