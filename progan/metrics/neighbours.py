"""The training images nearest to generated ones, and whether these are copies.

Distances are root mean square differences: in pixel space of images averaged down to at most 64 px, on 0..255; in a
feature space over the features. All training images are looked at, mirrored too where training mirrors them.

To know what is near, some training images themselves look for their nearest other one. Generated images are `copies`
where two things hold. The median of their distances to the nearest training image is less than 99 % of these real
distances. And that nearest image stands out: it is less than half as far as the 50 nearest are on average, in the
median (Carlini et al. 2023, arXiv 2301.13188). Where only the first holds they are `near`: a blurred image lies nearer
to many real ones than these do to one another, and is no copy of any. Else they are `distinct`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from progan.metrics.features import require_finite
from progan.metrics.gathering import pieces
from progan.metrics.precision import published_precision
from progan.metrics.thumbnails import averaged

COPIES, NEAR, DISTINCT = "copies", "near", "distinct"
KEPT = 50  # nearest training images of each generated one
PROBES_EACH = 16  # training images that look for their own nearest, for each generated one
_SIDE = 64  # px
STANDOUT = 0.5  # of a copy: distance to the nearest ÷ mean of the KEPT nearest
_NEARER = 1.0  # % of the training images at most
_BATCH = 64

NumberedDraw = Callable[[int, int], tuple[Tensor, Tensor]]  # (start, count) -> uint8 N3HW, their numbers in the set: N


@dataclass(frozen=True)
class Space:
    """Where distances are measured."""

    name: str
    unit: str  # of a distance
    place: Callable[[Tensor], Tensor]  # uint8 N3HW -> N x D


def pixel_space(device: torch.device) -> Space:
    def place(images: Tensor) -> Tensor:
        with published_precision(device):
            return torch.cat([averaged(piece.to(device), _SIDE).flatten(1) for piece in pieces(images)])

    return Space("pixels", f"RMS difference of pixels in 0..255 at {_SIDE} px at most", place)


def feature_space(features: Callable[[Tensor], Tensor], network: str) -> Space:
    """features: uint8 N3HW -> N x F. network: what they are of."""

    def place(images: Tensor) -> Tensor:
        found = features(images)
        require_finite(found)
        return found

    return Space("features", f"RMS difference of the features of {network}", place)


class Nearest(NamedTuple):
    """For each of Q images the nearest ones of a sequence, from near to far: Q x K."""

    distances: Tensor  # float64
    positions: Tensor  # in the sequence
    mirrored: Tensor  # bool: it is the mirrored image that is so near


class Search:
    """A running search for the nearest images: what it keeps does not grow with the images that come by."""

    def __init__(self, queries: Tensor, own: Tensor, keep: int) -> None:
        """queries: Q x D. own: the number of the image a query must not find, which is itself; -1: it may find any."""
        # In float64 the products of pixels are exact, and so equal images are at distance 0.
        self._queries = queries.double()
        self._squares = self._queries.square().sum(dim=1, keepdim=True)
        self._own, self._keep = own, keep
        none = torch.empty(len(queries), 0)
        self.nearest = Nearest(none.double(), none.long(), none.bool())

    def look(self, first: int, numbers: Tensor, places: Sequence[Tensor]) -> None:
        """At images number `numbers` of the set, first, first + 1, ... of the sequence.

        places: N x D as they are and, if wanted, mirrored.
        """
        distances, view = torch.stack([self._distances(each) for each in places]).min(dim=0)
        distances = distances.cpu().masked_fill_(self._own[:, None] == numbers, torch.inf)
        positions = torch.arange(first, first + len(numbers)).expand_as(distances)
        found = Nearest(distances, positions, view.cpu() == 1)
        both = Nearest(*(torch.cat(pair, dim=1) for pair in zip(self.nearest, found, strict=True)))
        order = both.distances.sort(dim=1, stable=True).indices[:, : self._keep]
        self.nearest = Nearest(*(each.gather(1, order) for each in both))

    def _distances(self, places: Tensor) -> Tensor:
        """Q x N."""
        places = places.to(self._queries)
        squares = self._squares + places.square().sum(dim=1) - 2 * self._queries @ places.T
        return (squares.clamp(min=0) / places.shape[1]).sqrt()


@dataclass(frozen=True)
class Judgement:
    """Whether generated images are copies."""

    verdict: str  # COPIES, NEAR or DISTINCT
    median_distance: float  # of the generated images to their nearest training image
    real_images: int  # training images that were asked for their nearest other one
    percentile: float  # % of these that have it nearer than that
    standout: float  # the median of nearest distance / mean of the 50 nearest
    real_distances: dict[str, float]  # of the training images asked, by percentile


def judge(distances: Tensor, real: Tensor) -> Judgement:
    """distances: Q x K of generated images, ascending. real: P, of training images to their nearest other one."""
    median = float(distances[:, 0].quantile(0.5))
    percentile = 100 * float((real < median).double().mean())
    tiny = torch.finfo(distances.dtype).tiny  # a row of zeros are copies of an image that is there many times
    standout = float((distances[:, 0] / distances.mean(dim=1).clamp(min=tiny)).quantile(0.5))
    near = percentile < _NEARER
    verdict = (COPIES if standout < STANDOUT else NEAR) if near else DISTINCT
    percentiles = {str(percent): float(real.quantile(percent / 100)) for percent in (1, 10, 50, 90)}
    return Judgement(verdict, median, len(real), percentile, standout, percentiles)


@dataclass(frozen=True)
class Neighbours:
    """What was found in one space."""

    space: Space
    nearest: Nearest  # of the generated images
    judgement: Judgement


def find(
    generated: Tensor,
    real: NumberedDraw,
    count: int,
    spaces: Sequence[Space],
    mirror: bool,
    progress: Callable[[int, int], None],
) -> list[Neighbours]:
    """The nearest of `count` training images to the generated ones, uint8 N3HW, in each space; one pass for all.

    real: in random order, because the first of them stand for all where real distances are asked for.
    count: at least 2. mirror: whether the mirrored images count too. progress is told images done, of how many.
    """
    probes = min(PROBES_EACH * len(generated), count)
    searches = [_begun(space, generated, real, probes, min(KEPT, count - 1)) for space in spaces]
    for first, images, numbers in _batches(real, count):
        views = (images, images.flip(3)) if mirror else (images,)
        for space, search in zip(spaces, searches, strict=True):
            search.look(first, numbers, [space.place(view) for view in views])
        progress(first + len(images), count)
    return [_found(space, search.nearest, len(generated)) for space, search in zip(spaces, searches, strict=True)]


def _begun(space: Space, generated: Tensor, real: NumberedDraw, probes: int, keep: int) -> Search:
    """A search for the generated images and, after them, for the first `probes` of the real ones."""
    places = [space.place(some) for some in torch.split(generated, _BATCH)]
    own = [torch.full((len(generated),), -1)]
    for _, images, numbers in _batches(real, probes):
        places.append(space.place(images))
        own.append(numbers)
    return Search(torch.cat(places), torch.cat(own), keep)


def _batches(real: NumberedDraw, count: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    for first in range(0, count, _BATCH):
        yield first, *real(first, min(_BATCH, count - first))


def _found(space: Space, nearest: Nearest, generated: int) -> Neighbours:
    ours = Nearest(*(each[:generated] for each in nearest))
    return Neighbours(space, ours, judge(ours.distances, nearest.distances[generated:, 0]))
