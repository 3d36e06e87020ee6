"""Plan: time, memory and disk of a training, before it is begun."""

import shutil
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.console import duration, measuring_progress, say
from pipelines.device import device_name
from pipelines.launch import check_precision
from pipelines.planning.estimate import ResolutionPlan, Sizes, plan_resolution, sizes, sum_known
from pipelines.planning.figures import Figure, store, stored
from pipelines.planning.measure import measure_metrics, measure_rounds
from pipelines.planning.memory import Memory, memory_at_hand
from pipelines.planning.subject import Subject
from pipelines.preflight import check_fit, planned_data
from progan.config import load
from progan.data.settings import open_set
from progan.settings import Config, make_schedule
from progan.types import ConfigError

UNKNOWN = "?"


def plan(
    path: Path,
    overrides: Sequence[str],
    processes: int,
    seconds: float | None,
    patience: float,
    device: str | None,
) -> None:
    """Print what the training of a config takes, and what will not fit.

    seconds: measure rounds of each stage for so long on the device at hand, and keep the figures; None: use stored
    ones. patience: of a round that takes longer, in seconds, none is measured. device: of the stored figures; None: the
    one at hand.
    """
    memory = _memory(device)
    subject = _subject(load(Config, path, overrides), processes)
    figures = _figures(subject, seconds, patience, device)
    stages = [list(group) for _, group in groupby(subject.schedule.stages, lambda stage: stage.resolution)]
    plans = []
    with measuring_progress() as show:
        for done, of_one in enumerate(stages):
            show("counting rounds", done, len(stages))
            plans.append(plan_resolution(subject, of_one, figures, memory))
    _print_table(subject, plans)
    for role, count in subject.example.parameter_counts.items():
        say(f"{role}: {count:,} parameters")
    written = sizes(subject)
    _print_disk(subject.config, written)
    for line in _warnings(plans, memory.room, written.total):
        say(f"warning: {line}")


def _memory(device: str | None) -> Memory:
    """device: of the stored figures; None: the one at hand."""
    if device is None or device == device_name():
        return memory_at_hand()
    return Memory(max((figure.memory for figure in stored() if figure.device == device), default=0) or 2**62)


def _subject(config: Config, processes: int) -> Subject:
    data = planned_data(config)
    if data is None:
        raise ConfigError("data.path: the networks depend on its labels; prepare the set first: progan prepare")
    check_fit(config, data, processes)
    return Subject(config, make_schedule(config), data, processes)


def _figures(subject: Subject, seconds: float | None, patience: float, device: str | None) -> list[Figure]:
    if seconds is None:
        return _known(device or device_name())
    check_precision(subject.config.optim.precision)
    found = _stored(measure_rounds(subject, seconds, patience, say))
    return found + _stored(measure_metrics(subject, dict.fromkeys(figure.resolution for figure in found), say))


def _stored(figures: Iterable[Figure]) -> list[Figure]:
    """Each as soon as it is known: of a measurement that is broken off the figures so far are kept."""
    found = []
    for figure in figures:
        store(figure)
        found.append(figure)
    return found


def _known(device: str) -> list[Figure]:
    every = stored()
    found = [figure for figure in every if figure.device == device]
    if not found:
        devices = "; ".join(dict.fromkeys(figure.device for figure in every)) or "none"
        if device != device_name():
            raise ConfigError(f"--device {device}: no figures of it; there are: {devices}")
        say(f"no figures of {device}: no times; measure them with --measure, or plan for --device: {devices}")
    return found


def _print_table(subject: Subject, plans: Sequence[ResolutionPlan]) -> None:
    several = subject.processes > 1
    table = Table("px", "kimg", "batch", "images/s", "training", "evaluation", "memory" + " a process" * several)
    for one in plans:
        rate = UNKNOWN if one.seconds is None else f"{one.images / one.seconds:.3g}" + "~" * one.guessed
        table.add_row(
            str(one.resolution),
            f"{one.images / 1000:g}",
            str(one.batch),
            rate,
            _time(one.seconds),
            f"{one.evaluations} x, {_time(one.evaluation_seconds)}" if one.evaluations else "-",
            _bytes(one.memory_bytes),
        )
    total, evaluation = (sum_known([getattr(one, name) for one in plans]) for name in ("seconds", "evaluation_seconds"))
    kimg = f"{subject.schedule.total_images / 1000:g}"
    table.add_section()
    table.add_row("all", kimg, "", "", _time(total), _time(evaluation), _bytes(max(p.memory_bytes for p in plans)))
    Console(width=100).print(table)
    kept = max(plans, key=lambda one: one.evaluation_bytes)
    if kept.evaluation_bytes:
        say(f"evaluation: takes about {_bytes(kept.evaluation_bytes)} more in main memory at {kept.resolution} px")
    if any(one.guessed for one in plans):
        say("~: scaled by FLOPs from the nearest resolution with figures")
    if several:
        most = max(subject.tally(stage).gradient_bytes for stage in subject.schedule.stages)
        say(f"without the time in which processes exchange gradients: up to {_bytes(most)} a round")


def _print_disk(config: Config, written: Sizes) -> None:
    say(
        f"disk: {_bytes(written.total)}: {written.checkpoints} checkpoints of {_bytes(written.checkpoint)}, "
        f"{written.snapshots} snapshots of {_bytes(written.snapshot)}"
    )
    if config.data.is_remote or Path(config.data.path).exists():
        contents = open_set(config.data).contents.resolutions
        used = {size: contents[size].bytes for size in config.schedule.resolutions}
        listed = ", ".join(f"{size} px {_bytes(count)}" for size, count in used.items())
        say(f"shards: {_bytes(sum(used.values()))}: {listed}")


def _warnings(plans: Sequence[ResolutionPlan], room: int, needed: int) -> list[str]:
    """room: bytes of memory a process has. needed: bytes on disk."""
    lines = [_does_not_fit(one, room) for one in plans if one.fits is not None]
    free = shutil.disk_usage(Path.cwd()).free
    if needed > free:
        lines.append(
            f"the run's files take {_bytes(needed)} and {_bytes(free)} are free here; raise cadence.checkpoint_kimg"
        )
    return lines


def _does_not_fit(one: ResolutionPlan, room: int) -> str:
    problem = f"{one.resolution} px: a process takes {_bytes(one.memory_bytes)} of {_bytes(room)}"
    if one.fits:
        return f"{problem}; set optim.max_images_per_process.{one.resolution}={one.fits}"
    return f"{problem}; launch more processes, lower schedule.batch, or set optim.precision=bf16"


def _time(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else duration(seconds)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
