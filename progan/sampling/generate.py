"""From a generator to uint8 images: a fixed, endless sequence whose n-th image does not depend on how it is cut."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from progan.sampling.latents import draw_labels, draw_latents
from progan.types import LabelSpace, LatentSpace

BLOCK = 64  # images that share a counter; any request is cut from whole blocks, so its cutting does not matter


def to_uint8(images: Tensor) -> Tensor:
    """Float in [-1, 1] -> uint8 in [0, 255], rounded, clipped."""
    return (images.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def generate(generator: nn.Module, latents: Tensor, labels: Tensor, at_once: int = BLOCK) -> Tensor:
    """Images N3RR uint8 on the CPU, of latents and labels on the CPU, computed on the generator's device in fp32.

    at_once: images computed together, which bounds the memory this takes.
    """
    device = next(generator.parameters()).device
    chunks = zip(torch.split(latents, at_once), torch.split(labels, at_once), strict=True)
    return torch.cat([to_uint8(generator(z.to(device), y.to(device))).cpu() for z, y in chunks])


def image_sequence(
    generator: nn.Module, seed: int, latents: LatentSpace, labels: LabelSpace, stream: str = "evaluation"
) -> Callable[[int, int], Tensor]:
    """draw(start, count) -> images number start .. start + count - 1, N3RR uint8, of the sequence of (seed, stream)."""

    def block(index: int) -> Tensor:
        return generate(
            generator,
            draw_latents(seed, f"{stream}-latents", index, BLOCK, latents),
            draw_labels(seed, f"{stream}-labels", index, BLOCK, labels),
        )

    def draw(start: int, count: int) -> Tensor:
        first, last = start // BLOCK, (start + count - 1) // BLOCK
        images = torch.cat([block(index) for index in range(first, last + 1)])
        return images[start - first * BLOCK :][:count]

    return draw
