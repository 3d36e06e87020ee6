"""From a generator to uint8 images: a fixed, endless sequence whose n-th image does not depend on how it is cut."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from progan.nn.float32 import float32
from progan.sampling.latents import draw_labels, draw_latents
from progan.types import LabelSpace, LatentSpace

BLOCK = 64  # images whose latents share a counter
# Of images that are computed together: four of 1024 px, for which the published networks take 1.2 GB.
PIXELS_AT_ONCE = 2**22


def images_at_once(resolution: int) -> int:
    """A whole share of a block, so that memory is bounded whatever is asked for."""
    fitting = max(1, PIXELS_AT_ONCE // resolution**2)
    return min(BLOCK, 1 << fitting.bit_length() - 1)


def to_uint8(images: Tensor) -> Tensor:
    """Float in [-1, 1] -> uint8 in [0, 255], rounded, clipped."""
    return (images.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def generate(generator: nn.Module, latents: Tensor, labels: Tensor, resolution: int) -> Tensor:
    """Images N3RR uint8 on the CPU, of latents and labels on the CPU, computed on the generator's device in fp32.

    resolution: that of the images, pixels.
    """
    device, at_once = next(generator.parameters()).device, images_at_once(resolution)
    chunks = zip(torch.split(latents, at_once), torch.split(labels, at_once), strict=True)
    with float32("ieee"):  # whatever training has set, or torch has unless it is told
        return torch.cat([to_uint8(generator(z.to(device), y.to(device))).cpu() for z, y in chunks])


def image_sequence(
    generator: nn.Module,
    resolution: int,
    seed: int,
    latents: LatentSpace,
    labels: LabelSpace,
    stream: str = "evaluation",
) -> Callable[[int, int], Tensor]:
    """draw(start, count) -> images number start .. start + count - 1, N3RR uint8, of the sequence of (seed, stream).

    Any request is cut from whole parts, each computed together: an image's neighbours in a sum are always the same.
    """
    size = images_at_once(resolution)

    def part(index: int) -> Tensor:
        block, first = divmod(index * size, BLOCK)
        drawn = slice(first, first + size)
        return generate(
            generator,
            draw_latents(seed, f"{stream}-latents", block, BLOCK, latents)[drawn],
            draw_labels(seed, f"{stream}-labels", block, BLOCK, labels)[drawn],
            resolution,
        )

    def draw(start: int, count: int) -> Tensor:
        first, last = start // size, (start + count - 1) // size
        images = torch.cat([part(index) for index in range(first, last + 1)])
        return images[start - first * size :][:count]

    return draw
