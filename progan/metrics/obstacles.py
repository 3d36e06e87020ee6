"""What is in the way of a metric, with the remedy; None where nothing is."""

from collections.abc import Mapping
from typing import NamedTuple

from progan.metrics import MetricSpec


class Supply(NamedTuple):
    """The images that there are on one side."""

    name: str
    images: int | None  # None: as many as are asked for


def left_out(obstacles: Mapping[MetricSpec, str | None]) -> list[str]:
    """A line for each metric that has one."""
    return [f"{spec.name}: left out: {obstacle}" for spec, obstacle in obstacles.items() if obstacle]


def of_shape(spec: MetricSpec, width: int, height: int) -> str | None:
    """Of images of so many px."""
    if width == height or spec.row.needs_network:
        return None
    return f"it takes squares, and these images have {width}x{height} px; cut them so: progan prepare"


def of_resolution(spec: MetricSpec, resolution: int) -> str | None:
    """Of images whose shorter side has so many px. The remedy is the caller's to tell: a training may grow."""
    least = spec.row.minimum_resolution
    return None if resolution >= least else f"not defined below {least} px, and this is {resolution} px"


def of_number(spec: MetricSpec, generated: Supply, real: Supply) -> str | None:
    """Of so many images."""
    row = spec.row
    if min(spec.count, spec.real_count) < row.least:
        return f"it takes at least {row.least} {row.counts} on either side; ask for more, of more images"
    return _lack(spec, generated, spec.images) or (_lack(spec, real, spec.real_images) if row.needs_real else None)


def _lack(spec: MetricSpec, supply: Supply, images: int) -> str | None:
    if supply.images is None or supply.images >= images:
        return None
    return f"it takes {images} images and {supply.name} has {supply.images}; {_remedy(spec, supply.images)}"


def _remedy(spec: MetricSpec, images: int) -> str:
    """The largest round number of what the metric counts that so many images allow, else all of them."""
    row, fitting = spec.row, images // spec.row.images_each
    if fitting < row.least:
        return "give more images"
    number = f"{fitting // row.k}k" if fitting >= row.k else f"{fitting}:{fitting}"
    return f"ask for {spec.family}{number}"
