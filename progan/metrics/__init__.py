"""The metrics a run can be asked for. A name states its whole protocol: `swd16k`, `fid50k`, `msssim10k`.

Where they differ both counts are named: `fid50000:30000` compares 50,000 generated with 30,000 real images.

This module only describes: it is light to import, so that a report can label a value without the means to measure it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from progan.metrics.table import METRICS, Metric, Result
from progan.types import ConfigError

_REQUEST = re.compile(r"([a-z]+)([1-9][0-9]*)k")
_OF_BOTH = re.compile(r"([a-z]+)([1-9][0-9]*):([1-9][0-9]*)")
_RESULT = re.compile(r"([a-z]+)[1-9][0-9]*(?:k|:[1-9][0-9]*)(?:-(\w+))?")


@dataclass(frozen=True)
class MetricSpec:
    """One requested measurement."""

    family: str  # a key of METRICS
    count: int  # of what the family counts: generated images or pairs
    name: str  # as asked for
    real: int | None = None  # the same of real ones; None: as many

    @property
    def row(self) -> Metric:
        return METRICS[self.family]

    @property
    def images(self) -> int:
        """Generated images needed."""
        return self.count * self.row.images_each

    @property
    def real_count(self) -> int:
        return self.count if self.real is None else self.real

    @property
    def real_images(self) -> int:
        """Real images compared with; the floor needs twice as many where the metric compares with real ones at all."""
        return self.real_count * self.row.images_each

    @property
    def real_images_and_floor(self) -> int:
        """Real images needed for the floor too."""
        return self.real_images * (2 if self.row.needs_real else 1)


def needed_bytes(specs: Sequence[MetricSpec], resolution: int) -> int:
    """In the memory of the main process while these are measured: two sets of images are kept at a time."""
    levels = max(1, (resolution // 16).bit_length())
    rows = [(spec.row.kept_bytes * (levels if spec.row.by_level else 1) * spec.images, spec) for spec in specs]
    apart = sum(size for size, spec in rows if not spec.row.needs_network)
    shared = max((size for size, spec in rows if spec.row.needs_network), default=0)  # they look at the same features
    working = (spec.row.working_bytes + spec.row.working_bytes_each * spec.images for spec in specs)
    return 2 * (apart + shared) + max(working, default=0)


def parse(name: str) -> MetricSpec:
    """The measurement `name` asks for; ConfigError lists the families when there is none of that name."""
    match = _REQUEST.fullmatch(name) or _OF_BOTH.fullmatch(name)
    row = METRICS.get(match[1]) if match else None
    if match is None or row is None:
        raise ConfigError(f"{name!r}: not a metric; known: {known()}")
    if match.re is _REQUEST:
        return MetricSpec(family=match[1], count=int(match[2]) * row.k, name=name)
    if row.equal_counts and match[2] != match[3]:
        raise ConfigError(f"{name!r}: {match[1]} compares as many real as generated images; give it one number")
    return MetricSpec(match[1], int(match[2]), name, int(match[3]))


def of_all(family: str, generated: int, real: int) -> MetricSpec:
    """The measurement of all of so many generated and real images; where it takes equally many, the smaller number."""
    row = METRICS[family]
    if row.equal_counts:
        generated = real = min(generated, real)
    count, real_count = generated // row.images_each, real // row.images_each
    return MetricSpec(family, count, f"{family}{count}:{real_count}", real_count)


def known() -> str:
    """The families in one line, each with its published protocol as the example."""
    return "; ".join(
        f"{family}<n>k ({row.title}, n x {row.k} {row.counts}, as {row.example})" for family, row in METRICS.items()
    )


def example_of(result: str) -> str:
    """A name to ask for that gives, among others, this result."""
    return next(row.example for row in METRICS.values() if result in row.results)


def result_name(spec: MetricSpec, result: str, mark: str) -> str:
    """What a result of `spec` is called: `fid50k`, or `fd50k-` and `mark` of a network that is not the published."""
    count = spec.name.removeprefix(spec.family)
    if not mark:
        return f"{result}{count}"
    return f"{spec.row.results[result].unpublished or result}{count}-{mark}"


def describe(name: str) -> Result:
    """How a result that is named so in metrics.jsonl is read; ConfigError for a name no metric here writes."""
    match = _RESULT.fullmatch(name)
    results = {called: result for row in METRICS.values() for called, result in row.results.items()}
    unpublished = {result.unpublished: result for result in results.values()}
    found = (unpublished | results).get(match[1]) if match else None
    if match is None or found is None:
        raise ConfigError(f"{name!r}: not the name of a result; known: {', '.join(results)} with a count, as in fid50k")
    if match[2] is None:
        return found
    title = f"{found.unpublished_title or found.title} in the features of {match[2]}"
    return replace(found, title=f"{title}, not comparable with published values")
