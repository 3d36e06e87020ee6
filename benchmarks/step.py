"""Time one full round (both players, Adam, average) on random images: images/s by resolution.

    python benchmarks/step.py --resolutions 4 16 32 --batch 16 --maps-base 256 --maps-max 64 --loss logistic-r1

Figures depend on the machine and on what else it does: compare only figures of one quiet run.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import islice

import torch

from progan.distributed.world import World
from progan.engine.play import OptimConfig
from progan.engine.rounds import Rules
from progan.engine.train import start, train
from progan.schedule import Phase
from progan.systems import build
from progan.systems.progan import LogisticR1Loss, ProganConfig, WassersteinLoss
from progan.types import Batch, DataSpec

ROUNDS_A_TICK = 16  # a multiple of R1's interval, so that every tick holds as many penalties


class RandomImages:
    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        images = torch.randint(0, 256, (count, 3, resolution, resolution), dtype=torch.uint8)
        return Batch(images[part], torch.full((count,), -1)[part])


class OnePhase:
    """Training for ever at one resolution."""

    total_images = 10**12

    def __init__(self, resolution: int, batch: int) -> None:
        self._phase = Phase(0, resolution, 1.0, batch, 0.001)

    def __call__(self, images_seen: int) -> Phase:
        return self._phase


def images_per_second(arguments: argparse.Namespace, resolution: int) -> Iterator[float]:
    """The rate of each tick after the first, which warms up."""
    loss = LogisticR1Loss() if arguments.loss == "logistic-r1" else WassersteinLoss()
    config = ProganConfig(
        latent_dim=arguments.latent_dim, maps_base=arguments.maps_base, maps_max=arguments.maps_max, loss=loss
    )
    data = DataSpec((resolution,), 1, (), "")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    system = build(config, data, max(arguments.resolutions))
    for network in system.networks.values():
        network.to(device).to(memory_format=torch.channels_last)
    optim = OptimConfig(precision=arguments.precision)
    rules = Rules(0, optim, True, ROUNDS_A_TICK * arguments.batch, World(), device)
    ticks = train(start(system, optim), OnePhase(resolution, arguments.batch), RandomImages(), rules)
    began = time.perf_counter()
    for number, tick in enumerate(islice(ticks, 1 + arguments.ticks)):
        now = time.perf_counter()
        if number:
            yield tick.images / (now - began)
        began = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--latent-dim", type=int, default=128)
    parser.add_argument("--maps-base", type=int, default=256)
    parser.add_argument("--maps-max", type=int, default=64)
    parser.add_argument("--loss", choices=["logistic-r1", "wgan-gp"], default="logistic-r1")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--ticks", type=int, default=5, help=f"measured ticks of {ROUNDS_A_TICK} rounds")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {vars(arguments)}")
    for resolution in arguments.resolutions:
        rates = list(images_per_second(arguments, resolution))
        spread = f"({min(rates):.1f} to {max(rates):.1f})"
        print(f"{resolution:5d} px  median {statistics.median(rates):8.1f} images/s  {spread}", flush=True)


if __name__ == "__main__":
    main()
