"""What the measurements amount to: for each metric the untrained generator, the best, the last and the floor."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from progan.report.records import Measurement

SLIP = 1.1  # a last value this many times worse than the best is worth a warning
DISTANCES = ("fid", "fd", "kid", "swd")
OTHER_WEIGHTS = re.compile(r"(?!fid).+-([0-9a-f]{6,64})")


@dataclass(frozen=True)
class Headline:
    """One metric of a run. Values are compared with the last one only where resolution and protocol are its own."""

    metric: str
    last: Measurement
    best: Measurement | None  # of the trained ones; None before training or where the direction is unknown
    untrained: Measurement | None
    floor: float | None  # real images against real images
    series: tuple[Measurement, ...]  # comparable measurements of trained snapshots, every resolution, by images seen
    set_aside: int  # measurements of this metric taken in another way than the last
    lower_is_better: bool | None  # None: neither the name nor a floor tells

    @property
    def last_to_floor(self) -> float | None:
        return _quotient(self.last.value, self.floor)

    @property
    def untrained_to_last(self) -> float | None:
        return _quotient(self.untrained.value, self.last.value) if self.untrained else None

    @property
    def slipped(self) -> bool:
        """Whether the last snapshot is clearly worse than the best."""
        if self.best is None:
            return False
        small, large = sorted((self.best.value, self.last.value))
        return large > SLIP * small > 0

    @property
    def count(self) -> int | None:
        found = self.last.provenance.get("count")
        return found if isinstance(found, int) else None


def headlines(measurements: Sequence[Measurement]) -> list[Headline]:
    """One for each metric; FID first, then the order in which they were first measured."""
    names = list(dict.fromkeys(one.metric for one in measurements))
    names.sort(key=lambda name: not name.startswith("fid"))
    return [_headline([one for one in measurements if one.metric == name]) for name in names]


def _headline(measured: list[Measurement]) -> Headline:
    comparable = [one for one in measured if one.protocol == measured[-1].protocol]
    comparable.sort(key=lambda one: one.images_seen)
    last = comparable[-1]
    trained = [one for one in comparable if one.images_seen > 0]
    alike = [one for one in comparable if one.resolution == last.resolution]
    untrained = next((one for one in alike if one.images_seen == 0), None)
    floor = next((one.floor for one in reversed(alike) if one.floor is not None), None)
    lower = _lower_is_better(last.metric, floor, (untrained or last).value)
    return Headline(
        metric=last.metric,
        last=last,
        best=_best([one for one in alike if one.images_seen > 0], lower),
        untrained=untrained,
        floor=floor,
        series=tuple(trained),
        set_aside=len(measured) - len(comparable),
        lower_is_better=lower,
    )


def _best(trained: list[Measurement], lower: bool | None) -> Measurement | None:
    if not trained or lower is None:
        return None
    return (min if lower else max)(trained, key=lambda one: one.value)


def _lower_is_better(metric: str, floor: float | None, start: float) -> bool | None:
    """Good lies in the direction of real images against real images; without that only a distance's name tells."""
    if metric.startswith(DISTANCES):
        return True
    return None if floor is None else floor <= start


def _quotient(above: float, below: float | None) -> float | None:
    return above / below if below is not None and below > 0 and above >= 0 else None


def foreign_weights(metric: str) -> str | None:
    """The hash in the name of a metric that was measured with weights other than the published ones."""
    match = OTHER_WEIGHTS.fullmatch(metric)
    return match[1] if match else None
