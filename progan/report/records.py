"""Reading a run directory into typed records; a file that does not hold what it should is named in one line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from progan.files import read_json, validated
from progan.rundir import RunDirectory, Status, resolution_of, seen_by

SPACES = ("pixels", "features")  # in which nearest neighbours are sought


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)  # unknown keys pass: a newer run stays readable


class TickRecord(_Record):
    """One line of stats.jsonl."""

    images_seen: int
    resolution: int  # pixels
    fade: float  # 0 to 1: the weight of the new resolution
    fading: bool
    phase: int
    batch: int  # images, over all processes
    lr: float
    images_per_second: float
    seconds: float  # of this tick
    maintenance_seconds: float  # of this tick: samples, checkpoints, evaluation
    elapsed_seconds: float  # since the start of the run, resumed parts added up
    memory_mb: float | None = None  # None where it cannot be told
    losses: dict[str, float]  # named player/term


class Conditions(NamedTuple):
    """What must be equal for two values of one metric to be comparable, as text."""

    number: str
    data: str
    mirroring: str
    weights: str


class Measurement(_Record):
    """One line of metrics.jsonl."""

    metric: str
    value: float
    images_seen: int  # 0: the untrained generator, grown to the final resolution
    resolution: int
    floor: float | None = None  # the same metric between two sets of real images; None where it was not measured
    interval: tuple[float, float] | None = None  # 95 %, over several seeds whose mean `value` is; None for one seed
    provenance: dict[str, Any] = {}

    @property
    def conditions(self) -> Conditions:
        number, data, weights = (self.provenance.get(name) for name in ("count", "data_fingerprint", "weights_sha256"))
        return Conditions(str(number), str(data), str(self.real_mirrored), str(weights))

    @property
    def real_mirrored(self) -> bool:
        """Whether half of the real images were; records that do not say it are of before any were."""
        return bool(self.provenance.get("real_mirrored"))


class ClassScoreRecord(_Record):
    """How well one class, or one of several labels, was told from the others."""

    name: str
    images: int
    accuracy: float
    precision: float | None = None  # None: no image was said to be of it
    recall: float | None = None  # None: no image is of it


class ClassificationRecord(_Record):
    """One line of classification.jsonl."""

    images_seen: int
    images: int  # that were classified
    answers: int
    errors: int
    accuracy: float
    classes: list[ClassScoreRecord]
    provenance: dict[str, Any] = {}


class Notice(_Record):
    """One line of warnings.jsonl: what the watch found to have become bad, or to be fine again."""

    images_seen: int
    finding: str  # its name
    failure: str  # what it is called where it is bad
    state: Literal["bad", "fine"]
    sentence: str


class PhaseFact(_Record):
    """One row of the phase table of facts.json."""

    start: int  # images seen
    end: int
    resolution: int
    fading: bool = False
    batch: int
    lr: float


class ProbeScore(_Record):
    """What a linear classifier, or the network itself taught, reached on the test images."""

    features: str
    labels: int  # learned from
    classifier: str
    accuracy: float  # 0 to 1, the mean over the seeds
    deviation: float | None = None  # None: nothing was drawn
    precision: dict[str, float | None]  # by class, 0 to 1; None where no answer was of it
    recall: dict[str, float | None]


class Probes(_Record):
    """What `progan probe` found of a discriminator."""

    images_seen: int
    seeds: list[int]
    classes: list[str]
    test_images: int
    scores: list[ProbeScore]


@dataclass(frozen=True)
class Sample:
    path: Path
    images_seen: int
    resolution: int


@dataclass(frozen=True)
class Neighbours:
    """Generated images beside the training images nearest to them."""

    images_seen: int  # by the generator that drew them
    pictures: dict[str, Sample]  # by space, one of SPACES
    facts: dict[str, dict[str, Any]]  # by space: verdict, percentile, ...; any may be absent


@dataclass(frozen=True)
class RunRecord:
    """Everything the report is made of."""

    run: RunDirectory
    settings: str  # config.yaml, letter for letter
    facts: dict[str, Any]  # empty where the run died before it wrote them
    phases: list[PhaseFact]
    ticks: list[TickRecord]  # in the order of images seen
    measurements: list[Measurement]  # as recorded, but the last where one was measured twice
    notices: list[Notice]  # of the watch, oldest first
    samples: list[Sample]  # oldest first
    status: Status | None  # None of a run that wrote none
    walk: Sample | None  # the newest strip of interpolations
    neighbours: Neighbours | None  # the newest
    classification: ClassificationRecord | None  # the last
    probes: Probes | None  # the newest

    @property
    def images_seen(self) -> int:
        return self.ticks[-1].images_seen if self.ticks else 0

    @property
    def total(self) -> int | None:
        """Images of the whole schedule; None where it is unknown."""
        return self.phases[-1].end if self.phases else None

    @property
    def finished(self) -> bool:
        return self.total is not None and self.images_seen >= self.total


def read_run(run: RunDirectory) -> RunRecord:
    """Raises DataError if `run` is not a run directory or one of its files is broken."""
    run.read_config()
    facts = run.read_facts() if run.facts.exists() else {}
    ticks = read_ticks(run)
    classified = validated(run.classifications, list[ClassificationRecord], run.read_classifications())
    return RunRecord(
        run=run,
        settings=run.config.read_text(encoding="utf-8"),
        facts=facts,
        phases=validated(run.facts, list[PhaseFact], facts.get("phases", [])),
        ticks=sorted(ticks, key=lambda tick: tick.images_seen),
        measurements=_latest(read_measurements(run)),
        notices=validated(run.warnings, list[Notice], run.read_warnings()),
        samples=_named(run.samples()),
        status=run.read_status() if run.status.exists() else None,
        walk=next(iter(_named(run.walks())[-1:]), None),
        neighbours=_neighbours(run, ticks),
        classification=classified[-1] if classified else None,
        probes=_probes(run),
    )


def read_ticks(run: RunDirectory) -> list[TickRecord]:
    """As recorded; DataError for a record that is none."""
    return validated(run.stats, list[TickRecord], run.read_stats())


def read_measurements(run: RunDirectory) -> list[Measurement]:
    """As recorded, repeated ones too; DataError for a record that is none."""
    return validated(run.metrics, list[Measurement], run.read_metrics())


def _latest(measurements: list[Measurement]) -> list[Measurement]:
    """The last of those that measured the same thing in the same way."""
    unique = {(one.metric, one.images_seen, one.resolution, one.conditions): one for one in measurements}
    return list(unique.values())


def _named(paths: list[Path]) -> list[Sample]:
    """By their names, which tell the images seen and the resolution."""
    return [Sample(path, seen_by(path), resolution_of(path)) for path in paths]


def _neighbours(run: RunDirectory, ticks: list[TickRecord]) -> Neighbours | None:
    pictures = run.neighbours_pictures()
    if not pictures:
        return None
    seen = seen_by(pictures[-1])
    resolution = next((tick.resolution for tick in reversed(ticks) if tick.images_seen <= seen), 0)
    found = {path.stem.partition("-")[2]: Sample(path, seen, resolution) for path in pictures if seen_by(path) == seen}
    return Neighbours(seen, found, _neighbour_facts(run.neighbours_facts(seen)))


def _probes(run: RunDirectory) -> Probes | None:
    paths = run.probes()
    if not paths:
        return None
    return validated(paths[-1], Probes, read_json(paths[-1]))


def _neighbour_facts(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    return validated(path, dict[str, dict[str, Any]], read_json(path).get("spaces", {}))
