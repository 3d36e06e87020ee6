"""Which snapshots of a run are to be measured, and which of them are not yet. Without torch: it is asked often."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.cadence import Every
from progan.metrics import MetricSpec, parse, result_name
from progan.report.records import Measurement, read_measurements
from progan.rundir import RunDirectory, seen_by
from progan.settings import Config, config_of, make_schedule
from progan.types import ConfigError


@dataclass(frozen=True)
class Selection:
    """Which snapshots of a run to measure; nothing chosen: its last."""

    snapshot: Path | None = None
    every: bool = False  # --all
    due: bool = False  # those of evaluation.every_kimg, and the untrained generator: what training itself measures

    def __post_init__(self) -> None:
        if (self.snapshot is not None) + self.every + self.due > 1:
            raise ConfigError("--snapshot, --all and --due: give one of them")

    def of(self, directory: RunDirectory, config: Config) -> list[Path]:
        """Those that are there."""
        if self.snapshot is not None:
            return [self.snapshot]
        snapshots = directory.snapshots()
        if self.due:
            every = Every(config.evaluation.every_kimg, make_schedule(config).total_images)
            before = [0, *map(seen_by, snapshots)]
            return [
                path for seen, path in zip(before, snapshots, strict=False) if every.due_between(seen, seen_by(path))
            ]
        return snapshots if self.every else snapshots[-1:]


def refuse_with(option: str, others: Mapping[str, bool]) -> None:
    """ConfigError where one of the others, by name, is given beside `option`."""
    for other, is_given in others.items():
        if is_given:
            raise ConfigError(f"{option} and {other}: do not go together; leave one out")


def unmeasured(
    wanted: Mapping[str, str | None], known: Iterable[Measurement], images_seen: int, resolution: int, config: Config
) -> list[str]:
    """Those names of results of a generator that are not among the `known` ones, made as the settings say.

    wanted: with the sha256 of the weights that a result takes, None where it takes none.
    """
    found = _measured(known, images_seen, resolution, config)
    done = {(one.metric, one.provenance.get("weights_sha256")) for one in found}
    return [name for name, weights in wanted.items() if (name, weights) not in done]


def list_unmeasured(run: Path, selection: Selection, metrics: Sequence[str]) -> None:
    """Print the path of each selected snapshot that lacks a result of `metrics`; of none given the settings' ones.

    Networks are not looked at: a result counts whatever weights it took.
    """
    directory = RunDirectory(run)
    config = config_of(directory)
    schedule, known = make_schedule(config), read_measurements(directory)
    specs = [parse(name) for name in metrics or config.evaluation.metrics]
    for path in selection.of(directory, config):
        seen = seen_by(path)
        resolution = schedule.ended(seen).resolution
        names = {one.metric for one in _measured(known, seen, resolution, config)}
        if not all(_is_named(spec, names) for spec in specs if resolution >= spec.row.minimum_resolution):
            print(path)


def _measured(known: Iterable[Measurement], images_seen: int, resolution: int, config: Config) -> Iterator[Measurement]:
    """Those of the known results that are of this generator, made as the settings say."""
    for one in known:
        is_of_it = (one.images_seen, one.resolution) == (images_seen, resolution)
        seeds = len(one.provenance.get("seeds", [0]))
        if is_of_it and one.real_mirrored == config.data.mirror and seeds >= config.evaluation.seeds:
            yield one


def _is_named(spec: MetricSpec, names: Iterable[str]) -> bool:
    """Whether all results of `spec` are among the names, of whatever network."""
    forms = [{result_name(spec, result, mark) for mark in ("", "*")} for result in spec.row.results]
    bare = {name.rpartition("-")[0] + "-*" if "-" in name else name for name in names}
    return all(form & bare for form in forms)
