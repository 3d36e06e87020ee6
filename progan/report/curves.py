"""Curves over images seen, cut where the resolution changes: values on both sides of a cut do not measure one thing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from progan.report.records import PhaseFact


@dataclass(frozen=True)
class Point:
    images_seen: int
    value: float
    resolution: int  # pixels


@dataclass(frozen=True)
class Span:
    """A stretch of the clock at one resolution, or the fade at its beginning."""

    start: int  # images seen
    end: int
    resolution: int


def segments(points: Iterable[Point]) -> list[list[Point]]:
    """Points in the order of the clock, in runs of equal resolution; a line may be drawn within a run only."""
    runs: list[list[Point]] = []
    for point in sorted(points, key=lambda point: point.images_seen):
        if runs and runs[-1][-1].resolution == point.resolution:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def smoothed(points: Sequence[Point], reach: int) -> list[Point]:
    """Centred moving average over `reach` neighbours on either side, over those there are at the ends."""
    averages = []
    for index, point in enumerate(points):
        window = points[max(0, index - reach) : index + reach + 1]
        averages.append(Point(point.images_seen, sum(p.value for p in window) / len(window), point.resolution))
    return averages


def thinned(points: Sequence[Point], limit: int) -> list[Point]:
    """At most about `limit` points, evenly chosen, with the last one kept."""
    stride = max(1, -(-len(points) // limit))
    kept = list(points[::stride])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def resolution_spans(phases: Iterable[PhaseFact], until: int) -> list[Span]:
    """Neighbouring phases of equal resolution joined, cut at `until` images."""
    spans: list[Span] = []
    for span in _reached(phases, until):
        if spans and spans[-1].resolution == span.resolution:
            spans[-1] = Span(spans[-1].start, span.end, span.resolution)
        else:
            spans.append(span)
    return spans


def fade_spans(phases: Iterable[PhaseFact], until: int) -> list[Span]:
    return _reached((phase for phase in phases if phase.fading), until)


def _reached(phases: Iterable[PhaseFact], until: int) -> list[Span]:
    return [Span(one.start, min(one.end, until), one.resolution) for one in phases if one.start < min(one.end, until)]
