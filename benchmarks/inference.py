"""Images a second of the published generator by resolution: as trained, with constants folded, in bf16, compiled.

    python benchmarks/inference.py
    python benchmarks/inference.py --resolutions 32:32 1024:1 --contenders trained folded folded-bf16 folded-compiled

Contenders take turns within one run and ratios are of medians. Images are compared with those of the first
contender: the largest difference stands beside the speed, in units of the spread of its pixels. Compiling needs a C++
compiler.
"""

import argparse
import statistics
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from pipelines.device import evaluation_device
from progan.engine.timing import elapsed
from progan.nn.folding import folded
from progan.schedule import Phase
from progan.systems.settings.progan import ProganConfig
from progan.systems.system import place, set_phase
from progan.systems.table import build
from progan.types import DataSpec

CONTENDERS = ("trained", "folded", "trained-bf16", "folded-bf16", "folded-compiled", "folded-bf16-compiled")
BATCHES = {4: 256, 32: 32, 128: 8, 256: 4, 1024: 1}
DEVICE = evaluation_device()


class Contender(NamedTuple):
    name: str
    generator: nn.Module
    seconds: list[float]

    @torch.inference_mode()
    def images(self, latents: Tensor, labels: Tensor) -> Tensor:
        half = "bf16" in self.name
        if half and "folded" in self.name:
            latents = latents.bfloat16()  # as its weights are
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=half and "trained" in self.name):
            images: Tensor = self.generator(latents, labels)
        return images.float()


def contender(name: str, trained: nn.Module) -> Contender:
    made = folded(trained) if "folded" in name else trained
    if name.startswith("folded-bf16"):
        made = made.bfloat16()
    return Contender(name, torch.compile(made) if "compiled" in name else made, [])  # type: ignore[arg-type]


def trained_generator(resolution: int) -> nn.Module:
    """Untrained in truth: speed does not depend on what the weights are."""
    system = build(ProganConfig(), DataSpec((resolution,), 1, (), ""), resolution)
    place(system, DEVICE)
    set_phase(system.generator, Phase(0, resolution, 1.0, 1, 0.001))
    return system.generator.eval().requires_grad_(False)


def compare(contenders: list[Contender], resolution: int, batch: int, turns: int) -> Table:
    """Play `turns` turns; the first contender is what the others are compared with."""
    latents, labels = torch.randn(batch, 512, device=DEVICE), torch.zeros(batch, dtype=torch.long, device=DEVICE)
    images = [one.images(latents, labels) for one in contenders]
    for _ in range(turns):
        for one in contenders:
            one.seconds.append(elapsed(lambda one=one: one.images(latents, labels), 2, DEVICE) / 2)  # type: ignore[misc]
    table = Table("px", "batch", "", "images/s", "ratio", "largest difference")
    first = statistics.median(contenders[0].seconds)
    for one, found in zip(contenders, images, strict=True):
        mean, difference = statistics.median(one.seconds), (found - images[0]).abs().max() / images[0].std()
        row = (resolution, batch, one.name, f"{batch / mean:.2f}", f"{first / mean:.2f}", f"{difference:.1e}")
        table.add_row(*map(str, row))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = [f"{resolution}:{batch}" for resolution, batch in BATCHES.items()]
    parser.add_argument("--resolutions", nargs="+", default=sizes, metavar="PX:BATCH")
    parser.add_argument("--contenders", nargs="+", default=CONTENDERS[:4], choices=CONTENDERS)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    console = Console(width=140)
    console.print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {DEVICE}")
    for size in arguments.resolutions:
        resolution, batch = map(int, size.split(":"))
        trained = trained_generator(resolution)
        console.print(
            compare([contender(name, trained) for name in arguments.contenders], resolution, batch, arguments.turns)
        )


if __name__ == "__main__":
    main()
