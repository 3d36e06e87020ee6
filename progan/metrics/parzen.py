"""How likely real images are under a Gaussian window around each generated one (arXiv 1406.2661, section 5).

The M generated images make a density of pixels in [0, 1] (Breuleux, Bengio and Vincent 2010); under it an image x has

    log p(x) = logsumexp_j(-|x - g_j|^2 / (2 sigma^2)) - log M - D / 2 log(2 pi sigma^2)

nats. The first tenth of the real images chooses sigma, which makes it likeliest, among 19 of equal ratio from 0.01 to
1; the value is the mean over the others, beside which stands its standard error.

The value says little of how good samples look, and of how well the generator's own density fits (Theis, van den Oord
and Bethge, arXiv 1511.01844, section 4.3): in hundreds of dimensions no number of windows that can be paid for comes
near that density, and copies of training images, or their cluster centres, do better than a good model. It is here
because the first GANs were judged by it; it compares only with values of as many windows and of the same pixels.

Sets are stored in three colours. Where all real images are grey, D counts each pixel once, the mean of the three on
either side: three equal numbers are one, and have no density in three dimensions. So digits of 28 px have D = 784, as
in published tables of 10,000 windows (225 +- 2 nats for the first GAN on MNIST; windows around training images
themselves give 242 +- 2). Images above 32 px are reduced to that by a box filter: D is at most 3072.

Time and memory grow with the product of the counts and D: 10,000 against 10,000 digits take about 10 s on two cores.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from progan.metrics.gathering import Outcome
from progan.metrics.precision import published_precision
from progan.metrics.thumbnails import VIEW, ThumbnailGathering

SIDE = 32  # px
VALIDATION = 10  # one image of so many chooses sigma
SIGMAS = tuple(10 ** (step / 9) for step in range(-18, 1))  # in them the ten from 0.1 to 1 of the published protocol
_DISTANCES_AT_ONCE = 2**23  # 64 MB


@dataclass(frozen=True)
class ParzenWindow:
    """The family `parzen`."""

    device: torch.device
    view: Hashable = (VIEW, SIDE)

    def gather(self, resolution: int, images: int, role: str) -> ThumbnailGathering:
        return ThumbnailGathering(resolution, images, self.device, SIDE)

    def summary(self, kept: Tensor, images: slice) -> Tensor:
        """N3P, P pixels."""
        some = kept[images]
        return some.view(len(some), 3, -1)

    def compare(self, real: Tensor, fake: Tensor) -> dict[str, Outcome]:
        """real: N3P; fake: M3P; in [-1, 1]."""
        grey = is_grey(real)
        points, windows = (_values(images, grey).to(self.device) for images in (real, fake))
        held = math.ceil(len(points) / VALIDATION)
        with published_precision(self.device):
            sigma = SIGMAS[int(log_likelihoods(points[:held], windows, SIGMAS).mean(dim=1).argmax())]
            (found,) = log_likelihoods(points[held:], windows, [sigma])
        details = {
            "sigma": sigma,
            "standard_error": float(found.std() / len(found) ** 0.5),
            "validation_images": held,
            "test_images": len(found),
            "dimensions": points.shape[1],
        }
        return {"parzen": Outcome(float(found.mean()), details)}


def is_grey(images: Tensor) -> bool:
    """Whether the three colours of each pixel of N3P are the same."""
    return bool((images == images[:, :1]).all())


def _values(images: Tensor, grey: bool) -> Tensor:
    """N3P in [-1, 1] -> ND in [0, 1], float64: D = P of grey images, 3P of others."""
    values = images.mean(dim=1, dtype=torch.float64) if grey else images.double().flatten(1)
    return values.add(1).div_(2)


def log_likelihoods(points: Tensor, windows: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Of each of the points ND under windows N(g, sigma^2) around the MD, for each sigma: SN, float64.

    Made a few points at a time.
    """
    centre = windows.mean(dim=0)
    centred = windows - centre
    at_once = max(1, _DISTANCES_AT_ONCE // len(windows))
    blocks = [
        _of_distances(squared_distances(some - centre, centred), sigmas, points.shape[1])
        for some in torch.split(points, at_once)
    ]
    return torch.cat(blocks, dim=1)


def _of_distances(squared: Tensor, sigmas: Sequence[float], dimensions: int) -> Tensor:
    """squared: NM -> SN."""
    rows = [
        torch.logsumexp(squared / (-2 * sigma**2), dim=1) - dimensions / 2 * math.log(2 * math.pi * sigma**2)
        for sigma in sigmas
    ]
    return torch.stack(rows) - math.log(squared.shape[1])


def squared_distances(points: Tensor, others: Tensor) -> Tensor:
    """ND, MD -> NM; by a product of matrices, exact enough in float64."""
    lengths = points.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1)
    return torch.addmm(lengths, points, others.T, alpha=-2).clamp_(min=0)
