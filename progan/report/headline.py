"""What the measurements amount to: for each metric the untrained generator, the best, the last and the floor."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from progan.metrics import describe
from progan.metrics.table import Result
from progan.report.records import Measurement
from progan.types import ConfigError

Better = Literal["lower", "higher", "match"]

SLIP = 0.1  # of the best value: a last value worse by more than that is worth a warning
FAMILY = re.compile(r"[a-z]+")
OTHER_NETWORK = re.compile(r"[a-z0-9]+-(\w+)")


@dataclass(frozen=True)
class Headline:
    """One metric of a run. Values are compared with the last one only where resolution and conditions are its own."""

    metric: str
    title: str  # what the name stands for; the name again where it is not known
    better: Better | None  # match: the nearer to the floor; None: not known
    chance: float  # two values of one generator differ by so much
    counted: str  # how many of what were compared, as "2,048 images"
    last: Measurement
    best: Measurement | None  # of the trained ones; None before training or where it is not known what is better
    untrained: Measurement | None
    floor: float | None  # the metric of real images
    series: tuple[Measurement, ...]  # comparable measurements of trained snapshots, every resolution, by images seen
    set_aside: int  # measurements of this metric taken in another way than the last

    @property
    def family(self) -> str:
        """The letters the name begins with, as it stands among the results of METRICS."""
        match = FAMILY.match(self.metric)
        return match[0] if match else ""

    @property
    def trained(self) -> bool:
        """Whether the last measurement is of a generator that has seen images."""
        return self.last.images_seen > 0

    @property
    def alike(self) -> tuple[Measurement, ...]:
        """Measurements of trained snapshots at the resolution of the last."""
        return tuple(one for one in self.series if one.resolution == self.last.resolution)

    @property
    def last_to_floor(self) -> float | None:
        return _quotient(self.last.value, self.floor)

    @property
    def untrained_to_last(self) -> float | None:
        return _quotient(self.untrained.value, self.last.value) if self.untrained else None

    @property
    def slip(self) -> float | None:
        """By how much of the best value the last is worse; 0 where that may be chance, None without a best."""
        if self.best is None or self.better is None or self.best.value == 0:
            return None
        if overlap(self.best, self.last):
            return 0.0
        worse = badness(self.last, self.better, self.floor) - badness(self.best, self.better, self.floor)
        return worse / abs(self.best.value) if worse > self.chance else 0.0

    @property
    def slipped(self) -> bool:
        """Whether the last snapshot is clearly worse than the best."""
        return self.slip is not None and self.slip > SLIP


def overlap(one: Measurement, other: Measurement) -> bool:
    """Whether the intervals of both overlap; never where one has none."""
    if one.interval is None or other.interval is None:
        return False
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def badness(one: Measurement, better: Better, floor: float | None) -> float:
    """The less, the better."""
    if better == "match" and floor is not None:
        return abs(one.value - floor)
    return -one.value if better == "higher" else one.value


def headlines(measurements: Sequence[Measurement]) -> list[Headline]:
    """One for each metric; FID first, then the order in which they were first measured."""
    names = list(dict.fromkeys(one.metric for one in measurements))
    names.sort(key=lambda name: not name.startswith("fid"))
    return [_headline([one for one in measurements if one.metric == name]) for name in names]


def other_network(metric: str) -> str | None:
    """What a metric is named after that was measured with another network than the published Inception."""
    match = OTHER_NETWORK.fullmatch(metric)
    return match[1] if match else None


def _headline(measured: list[Measurement]) -> Headline:
    comparable = [one for one in measured if one.conditions == measured[-1].conditions]
    comparable.sort(key=lambda one: one.images_seen)
    last = comparable[-1]
    alike = [one for one in comparable if one.resolution == last.resolution]
    floor = next((one.floor for one in reversed(alike) if one.floor is not None), None)
    meaning = _meaning(last.metric)
    better = None if meaning is None else meaning.better
    return Headline(
        metric=last.metric,
        title=last.metric if meaning is None else _title(meaning),
        better=better,
        chance=0.0 if meaning is None else meaning.chance,
        counted=_counted(last, "images" if meaning is None else meaning.counts),
        last=last,
        best=_best([one for one in alike if one.images_seen > 0], better, floor),
        untrained=next((one for one in alike if one.images_seen == 0), None),
        floor=floor,
        series=tuple(one for one in comparable if one.images_seen > 0),
        set_aside=len(measured) - len(comparable),
    )


def _meaning(metric: str) -> Result | None:
    """None for one of a run with another version of this package: it is shown under its own name."""
    try:
        return describe(metric)
    except ConfigError:
        return None


def _title(meaning: Result) -> str:
    return f"{meaning.title}, {meaning.unit}" if meaning.unit else meaning.title


def _counted(one: Measurement, counts: str) -> str:
    found = one.provenance.get("count")
    return f"{found:,} {counts}" if isinstance(found, int) else "–"


def _best(trained: list[Measurement], better: Better | None, floor: float | None) -> Measurement | None:
    if not trained or better is None or (better == "match" and floor is None):
        return None
    return min(trained, key=lambda one: badness(one, better, floor))


def _quotient(above: float, below: float | None) -> float | None:
    return above / below if below is not None and below > 0 and above >= 0 else None
