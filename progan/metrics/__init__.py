"""The metrics a run can be asked for. A name states its whole protocol: `swd16k`, `fid50k`, `msssim10k`.

This module only describes: it is light to import, so that a report can label a value without the means to measure it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from progan.config import Settings
from progan.types import ConfigError

_REQUEST = re.compile(r"([a-z]+)([1-9][0-9]*)k")
_RESULT = re.compile(r"([a-z]+)[1-9][0-9]*k(?:-[0-9a-f]{8})?")


@dataclass(frozen=True)
class Metric:
    """One family of metrics: how its values are read and what measuring them takes."""

    title: str
    unit: str  # of the value, "" for a pure number
    better: Literal["lower", "higher", "match"]  # match: the nearer to the floor (the value of real images), the better
    counts: str  # what the number in the name counts
    k: int  # how many of them the letter k stands for
    images_each: int  # generated images per counted thing
    needs_real: bool  # False: real images only give the floor
    needs_weights: bool  # the published Inception weights
    minimum_resolution: int  # pixels; below it the metric is not defined
    source: str
    example: str  # the name of the published protocol
    requestable: bool = True  # False: only ever the name of a result


METRICS = {
    "swd": Metric(
        title="Sliced Wasserstein distance",
        unit="x 1000",
        better="lower",
        counts="images",
        k=1024,
        images_each=1,
        needs_real=True,
        needs_weights=False,
        minimum_resolution=16,
        source="arXiv 1710.10196 section 5",
        example="swd16k",
    ),
    "msssim": Metric(
        title="MS-SSIM of generated pairs",
        unit="",
        better="match",
        counts="pairs",
        k=1000,
        images_each=2,
        needs_real=False,
        needs_weights=False,
        minimum_resolution=16,
        source="Wang et al. 2003; arXiv 1610.09585 section 4.2",
        example="msssim10k",
    ),
    "fid": Metric(
        title="Fréchet Inception distance",
        unit="",
        better="lower",
        counts="images",
        k=1000,
        images_each=1,
        needs_real=True,
        needs_weights=True,
        minimum_resolution=4,
        source="arXiv 1706.08500",
        example="fid50k",
    ),
    "fd": Metric(
        title="Fréchet distance, not comparable with published FID: the Inception weights differ",
        unit="",
        better="lower",
        counts="images",
        k=1000,
        images_each=1,
        needs_real=True,
        needs_weights=True,
        minimum_resolution=4,
        source="arXiv 1706.08500, with the weights whose sha256 begins as the name ends",
        example="fd50k-0123abcd",
        requestable=False,
    ),
}


@dataclass(frozen=True)
class MetricSpec:
    """One requested measurement."""

    family: str  # a key of METRICS
    count: int  # of what the family counts: images or pairs
    name: str  # as asked for

    @property
    def row(self) -> Metric:
        return METRICS[self.family]

    @property
    def images(self) -> int:
        """Generated images needed; the floor needs as many real ones for a pair metric, twice as many otherwise."""
        return self.count * self.row.images_each


class EvaluationConfig(Settings):
    """What is measured while training."""

    metrics: tuple[str, ...] = ("swd16k",)  # by protocol name
    every_kimg: Annotated[float, Field(gt=0)] = 400.0  # thousands of images seen between measurements
    in_training: bool = True  # False: training goes on at once, and progan evaluate RUN --due measures beside it
    weights: Path | None = (
        None  # of the Inception network; null: PROGAN_INCEPTION_WEIGHTS, then the cache, then the web
    )

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                parse(name)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return names


def parse(name: str) -> MetricSpec:
    """The measurement `name` asks for; ConfigError lists the families when there is none of that name."""
    match = _REQUEST.fullmatch(name)
    row = METRICS.get(match[1]) if match else None
    if match is None or row is None or not row.requestable:
        raise ConfigError(f"{name!r}: not a metric; known: {known()}")
    return MetricSpec(family=match[1], count=int(match[2]) * row.k, name=name)


def known() -> str:
    """The requestable families in one line, each with its published protocol as the example."""
    rows = [(family, row) for family, row in METRICS.items() if row.requestable]
    return "; ".join(f"{family}<n>k ({row.title}, n x {row.k} {row.counts}, as {row.example})" for family, row in rows)


def describe(result: str) -> Metric:
    """The row of a metric as it is named in metrics.jsonl; ConfigError for a name no metric here writes."""
    match = _RESULT.fullmatch(result)
    if match is None or match[1] not in METRICS:
        raise ConfigError(
            f"{result!r}: not the name of a result; known: {', '.join(METRICS)} with a count, as in fid50k"
        )
    return METRICS[match[1]]
