"""The metrics a run can be asked for. A name states its whole protocol: `swd16k`, `fid50k`, `msssim10k`.

Where they differ both counts are named: `fid50000:30000` compares 50,000 generated with 30,000 real images.

This module only describes: it is light to import, so that a report can label a value without the means to measure it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from progan.config import Settings
from progan.types import ConfigError

_REQUEST = re.compile(r"([a-z]+)([1-9][0-9]*)k")
_OF_BOTH = re.compile(r"([a-z]+)([1-9][0-9]*):([1-9][0-9]*)")
_RESULT = re.compile(r"([a-z]+)[1-9][0-9]*(?:k|:[1-9][0-9]*)(?:-(\w+))?")


@dataclass(frozen=True)
class Result:
    """One value of a measurement: how it is read."""

    title: str
    better: Literal["lower", "higher", "match"]  # match: the nearer to the floor (the value of real images), the better
    source: str
    unit: str = ""  # "" for a pure number
    counts: str = "images"  # what the number in the name counts
    chance: float = 0.0  # two values of one generator differ by so much
    unpublished: str = ""  # its name with another network than the published; "": its own
    unpublished_title: str = ""  # its title then; "": its own


@dataclass(frozen=True)
class Metric:
    """One family of metrics: what measuring it takes, and the results it gives."""

    results: dict[str, Result]  # by the name that stands in the record
    k: int  # how many of what it counts the letter k stands for
    images_each: int  # generated images per counted thing
    needs_real: bool  # False: real images only give the floor
    needs_network: bool  # the published Inception network, or another in its place
    minimum_resolution: int  # pixels; below it the metric is not defined
    example: str  # the name of the published protocol
    kept_bytes: int = 0  # for each image, in the memory of the main process while it is measured; 0: hardly any
    working_bytes: int = 0  # more while two sets are compared
    working_bytes_each: int = 0  # more then for each image, in the libraries' own copies
    by_level: bool = False  # as many for each halving of the image down to 16 px
    least: int = 2  # of what it counts, on either side: of fewer there is no value
    equal_counts: bool = False  # whether it compares as many generated as real images only

    @property
    def title(self) -> str:
        return ", ".join(result.title for result in self.results.values())

    @property
    def counts(self) -> str:
        return next(iter(self.results.values())).counts


FEATURES = 12_000  # bytes: 2,048 features and 1,008 logits

METRICS = {
    "swd": Metric(
        results={
            "swd": Result(
                title="Sliced Wasserstein distance",
                better="lower",
                source="arXiv 1710.10196 section 5",
                unit="x 1000",
            )
        },
        k=1024,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=16,
        example="swd16k",
        kept_bytes=128 * 147 * 4,  # descriptors
        working_bytes=2**28,
        by_level=True,
        equal_counts=True,
    ),
    "msssim": Metric(
        results={
            "msssim": Result(
                title="MS-SSIM of generated pairs",
                better="match",
                source="Wang et al. 2003; arXiv 1610.09585 section 4.2",
                counts="pairs",
            )
        },
        k=1000,
        images_each=2,
        needs_real=False,
        needs_network=False,
        minimum_resolution=16,
        example="msssim10k",
    ),
    "fid": Metric(
        results={
            "fid": Result(
                title="Fréchet Inception distance",
                better="lower",
                source="arXiv 1706.08500",
                unpublished="fd",
                unpublished_title="Fréchet distance",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="fid50k",
        kept_bytes=FEATURES,
        working_bytes_each=20_000,  # the features in double precision
    ),
    "kid": Metric(
        results={
            "kid": Result(
                title="Kernel Inception distance",
                better="lower",
                source="arXiv 1801.01401: cubic polynomial kernel, 100 subsets of 1,000",
                unpublished="kd",
                unpublished_title="Kernel distance",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="kid50k",
        kept_bytes=FEATURES,
        least=1000,
    ),
    "is": Metric(
        results={
            "is": Result(
                title="Inception score",
                better="higher",
                source="arXiv 1606.03498: 10 parts",
                unpublished="cs",
                unpublished_title="Classifier score",
            )
        },
        k=1000,
        images_each=1,
        needs_real=False,
        needs_network=True,
        minimum_resolution=4,
        example="is50k",
        kept_bytes=FEATURES,
        least=10,
    ),
    "pr": Metric(
        results={
            "precision": Result(
                title="Improved precision in Inception features",
                better="higher",
                source="arXiv 1904.06991: 3 nearest neighbours, with Inception in place of VGG-16",
                unpublished_title="Improved precision",
            ),
            "recall": Result(
                title="Improved recall in Inception features",
                better="higher",
                source="arXiv 1904.06991: 3 nearest neighbours, with Inception in place of VGG-16",
                unpublished_title="Improved recall",
            ),
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="pr50k",
        kept_bytes=FEATURES,
        working_bytes_each=200_000,  # five copies of its distances to 10,000 others
        least=4,
    ),
    "modes": Metric(
        results={
            "ndb": Result(
                title="Share of statistically different bins of thumbnails",
                better="lower",
                source="arXiv 1805.12462",
                chance=0.1,  # two deviations of the difference of two shares of 100 bins, each about 0.15
            ),
            "spread": Result(
                title="Mean distance between two thumbnails",
                better="match",
                source="module modes",
            ),
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="modes5k",
    ),
    "energy": Metric(
        results={
            "energy": Result(
                title="Energy distance of thumbnails under random projections",
                better="lower",
                source="Székely and Rizzo 2013; Lopes, Jacob and Wainwright 2011",
                unit="x 1000",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="energy2k",
    ),
    "parzen": Metric(
        results={
            "parzen": Result(
                title="Gaussian Parzen-window log-likelihood, which says little of samples (arXiv 1511.01844)",
                better="higher",
                source="Breuleux, Bengio and Vincent 2010; arXiv 1406.2661 section 5",
                unit="nats an image",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="parzen10k",
        kept_bytes=12_000,  # thumbnails
        working_bytes=2**28,
        working_bytes_each=74_000,  # of both sets, in double precision, as they are and centred
        least=20,
    ),
}


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


class EvaluationConfig(Settings):
    """What is measured while training."""

    metrics: tuple[str, ...] = ("swd16k",)  # by protocol name
    every_kimg: Annotated[float, Field(ge=0.001)] = 400.0  # thousands of images seen between measurements
    in_training: bool = True  # False: training goes on at once, and progan evaluate RUN --due measures beside it
    seeds: Annotated[int, Field(ge=1, le=10)] = 1  # sets of generated images measured; from 2 on with an interval
    # The Inception network's; null: PROGAN_INCEPTION_WEIGHTS, then torch-fidelity's cache, then the web.
    weights: Path | None = None
    network: Path | None = None  # in place of Inception, made by progan classifier: results are named for it, not FID
    cache: Path | None = None  # of real features and floors; null: ~/.cache/progan/metrics

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
