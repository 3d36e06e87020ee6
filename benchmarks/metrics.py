"""What evaluation costs, against what it cannot do without.

    python benchmarks/metrics.py swd          # SWD against a plain loop over images and directions
    python benchmarks/metrics.py inception    # FID of generated images against drawing and Inception alone

inception needs no weights file: without --weights the network has seeded noise for weights, which costs as much.
Compare only figures of one quiet run.
"""

import argparse
import io
import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.device import evaluation_device
from progan.metrics import MetricSpec
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork, inception, torch_fidelity
from progan.metrics.gathering import ImageDraw, feed
from progan.metrics.real_side import RealSet
from progan.metrics.sliced_wasserstein import SlicedWasserstein, level_resolutions
from progan.metrics.weights import Weights, load_weights
from progan.random import generator
from progan.sampling.generate import image_sequence
from progan.schedule import Phase
from progan.systems.settings.progan import ProganConfig
from progan.systems.system import set_phase
from progan.systems.table import build
from progan.types import DataSpec, resolutions_up_to

Images = NDArray[np.float64]  # 3HW
DEVICE = evaluation_device()
BATCH = 64
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["swd", "inception"])
    parser.add_argument("--images", type=int, help="on each side; default: 512 for swd, 2000 for inception")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {DEVICE}, {vars(arguments)}", flush=True)
    if arguments.what == "swd":
        swd(arguments.images or 512, arguments.resolution)
    else:
        evaluation(arguments.images or 2000, arguments.resolution, arguments.weights)


def swd(count: int, resolution: int) -> None:
    real, fake = (_noise(count, resolution, name) for name in ("real", "fake"))
    began = time.perf_counter()
    family = SlicedWasserstein(SEED, DEVICE)
    found = family.compare(*(_summary(family, images, role) for images, role in ((real, "real"), (fake, "fake"))))
    ours = time.perf_counter() - began
    began = time.perf_counter()
    expected = _plain_swd(real.double().numpy(), fake.double().numpy(), resolution)
    theirs = time.perf_counter() - began
    print(f"{count} images of {resolution} px on each side: ours {ours:.2f} s, plain loop {theirs:.2f} s")
    print(f"{theirs / ours:.1f} times; values {found['swd'].value:.4f} and {expected:.4f}")


def _noise(count: int, resolution: int, name: str) -> Tensor:
    """Smooth noise, another contrast for each name."""
    draws = generator(SEED, f"benchmark/{name}", 0)
    coarse = torch.rand(count, 3, 8, 8, generator=draws) * (255 if name == "real" else 200)
    return torch.nn.functional.interpolate(coarse, size=resolution, mode="bilinear").round().byte()


def _summary(family: SlicedWasserstein, images: Tensor, role: str) -> dict[int, Tensor]:
    gathering = family.gather(images.shape[-1], len(images), role)
    feed(gathering, images, BATCH)
    return family.summary(gathering.finish(), slice(0, len(images)))


def _plain_swd(real: Images, fake: Images, resolution: int) -> float:
    """The published protocol in NumPy, image by image, patch by patch, direction by direction; the same draws."""
    distances = []
    real_levels, fake_levels = _plain_patches(real, "real"), _plain_patches(fake, "fake")
    for level, a, b in zip(level_resolutions(resolution), real_levels, fake_levels, strict=True):
        for repeat in range(4):
            drawn = torch.randn(128, 147, generator=generator(SEED, f"metrics/swd/directions/{level}", repeat))
            for direction in drawn.double().numpy():
                unit = direction / math.sqrt((direction**2).sum())
                distances.append(np.abs(np.sort(a @ unit) - np.sort(b @ unit)).mean())
    return 1e3 * float(np.mean(distances))


def _plain_patches(images: Images, role: str) -> list[Images]:
    """For each level, finest first, the normalised descriptors."""
    levels = level_resolutions(images.shape[-1])
    found: list[list[Images]] = [[] for _ in levels]
    for number, image in enumerate(images):
        draws = generator(SEED, f"metrics/swd/patches/{role}", number)
        for place, (level, pixels) in enumerate(zip(levels, _plain_pyramid(image, len(levels)), strict=True)):
            for y, x in torch.randint(level - 6, (128, 2), generator=draws).tolist():
                found[place].append(pixels[:, y : y + 7, x : x + 7])
    return [_plain_normalised(np.stack(patches)) for patches in found]


def _plain_normalised(patches: Images) -> Images:
    mean, deviation = patches.mean(axis=(0, 2, 3), keepdims=True), patches.std(axis=(0, 2, 3), keepdims=True)
    return ((patches - mean) / deviation).reshape(len(patches), -1)


def _plain_pyramid(image: Images, levels: int) -> list[Images]:
    pyramid = [image]
    for _ in range(1, levels):
        low = _plain_blur(pyramid[-1])[:, ::2, ::2]
        spread = np.zeros_like(pyramid[-1])
        spread[:, ::2, ::2] = low
        pyramid[-1] = pyramid[-1] - 4 * _plain_blur(spread)
        pyramid.append(low)
    return pyramid


def _plain_blur(image: Images) -> Images:
    taps, (_, height, width) = np.array([1, 4, 6, 4, 1]) / 16, image.shape
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    rows = sum(tap * padded[:, place : place + height] for place, tap in enumerate(taps))
    blurred: Images = sum(tap * rows[:, :, place : place + width] for place, tap in enumerate(taps))
    return blurred


def evaluation(count: int, resolution: int, weights: Path | None) -> None:
    draw = _generator(resolution)
    network = inception(load_weights(weights) if weights else _noise_weights(), DEVICE)
    alone = _Alone(draw, network)
    with TemporaryDirectory() as cache:
        both = _evaluated(draw, count, resolution, network, Path(cache))
        print(f"FID and Inception score, {count} real images too: {both:.1f} s", flush=True)
        turns = _evaluated(alone, count, resolution, network, Path(cache))
    print(f"{count} images of {resolution} px, drawn and through Inception, nothing else: {alone.seconds:.1f} s")
    again = turns - alone.seconds
    print(f"again, real features from the cache: {again:.1f} s, {again / alone.seconds:.3f} times that")


class _Alone:
    """Draws for an evaluation, and beforehand draws the same and puts it through the network, which is timed.

    So both take turns batch by batch: a machine that slows down for a while slows down both.
    """

    def __init__(self, draw: ImageDraw, network: FeatureNetwork) -> None:
        self._draw, self._network = draw, network
        self.seconds = 0.0

    def __call__(self, first: int, count: int) -> Tensor:
        began = time.perf_counter()
        self._network.extract(self._draw(first, count))
        self.seconds += time.perf_counter() - began
        return self._draw(first, count)


def _evaluated(draw: ImageDraw, count: int, resolution: int, network: FeatureNetwork, cache: Path) -> float:
    specs = [MetricSpec(family, count, f"{family}{count}") for family in ("fid", "is")]
    real = RealSet(lambda resolution, start, number: draw(10**6 + start, number), count, "generated")
    evaluator = Evaluator(specs, real, SEED, DEVICE, lambda: network, cache, BATCH)
    began = time.perf_counter()
    evaluator.measure([draw], resolution)
    return time.perf_counter() - began


def _generator(resolution: int) -> ImageDraw:
    """An untrained one, with the maps of the published networks halved."""
    torch.manual_seed(SEED)
    config = ProganConfig(maps_base=4096, maps_max=256)
    system = build(config, DataSpec(resolutions_up_to(resolution), 1, (), ""), resolution)
    set_phase(system.generator, Phase(0, resolution, 1.0, BATCH, 0.001))
    return image_sequence(system.generator.to(DEVICE), resolution, SEED, system.latents, system.labels)


def _noise_weights() -> Weights:
    """Of the published layout."""
    architecture = torch_fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3

    class Unloaded(architecture):  # type: ignore[misc, valid-type]
        def load_state_dict(self, *_: object, **__: object) -> None:
            """The architecture insists on loading a file; here there is none."""

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    network = Unloaded("inception-v3-compat", ["2048"], nothing)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data.normal_(std=(2 / parameter[0].numel()) ** 0.5, generator=generator(SEED, "inception", 0))
    return Weights(Path("noise"), "0" * 64, dict(network.state_dict()))


if __name__ == "__main__":
    main()
