"""Images of a trained system, drawn on the device at hand."""

from collections.abc import Callable

from torch import Tensor

from pipelines.device import evaluation_device
from progan.sampling.generate import image_sequence
from progan.systems.system import System
from progan.types import LabelSpace


def images_of(
    system: System, resolution: int, seed: int, stream: str = "evaluation", labels: LabelSpace | None = None
) -> Callable[[int, int], Tensor]:
    """draw(start, count) -> N3RR uint8, of the sequence of (seed, stream); the generator has grown to `resolution`.

    It is put in evaluation mode: what batch normalisation gives depends on which images are drawn together otherwise.
    labels: those to draw from; None: the system's.
    """
    generator = system.generator.to(evaluation_device()).eval()
    return image_sequence(generator, resolution, seed, system.latents, labels or system.labels, stream)
