"""Time one full round (both players, penalties, Adam, average) by resolution, beside a plain step of the same networks.

    python benchmarks/step.py                                    # the published networks and loss, 4 to 256 px
    python benchmarks/step.py --loss logistic-r1 --contenders plain plain-r1 bf16 --resolutions 32:8 128:4
    python benchmarks/step.py --maps 256 64 --latent-dim 128 --loss logistic-r1 --contenders plain-r1 fp32\
        --resolutions 4:16 16:16 32:16

Contenders take turns within one run, a round each, and ratios are of medians: machines drift. The roofs (matrix
product, 3x3 convolution, copying) are measured between rounds, and a round is compared with the two beside it.
Compare figures of one quiet run only.
"""

import argparse
import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from plain import PlainRounds
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from pipelines.device import evaluation_device
from progan.engine.play import HALVES
from progan.engine.settings import OptimConfig
from progan.engine.tally import Tally, tally, tally_rounds
from progan.engine.timing import elapsed
from progan.engine.trial import Rounds, Trial
from progan.nn.float32 import float32
from progan.schedule import Phase
from progan.systems.settings.progan import LogisticR1Loss, ProganConfig, WassersteinLoss
from progan.systems.system import place
from progan.systems.table import build
from progan.types import DataSpec

BATCHES = {4: 16, 8: 16, 16: 16, 32: 8, 64: 8, 128: 4, 256: 2, 512: 2, 1024: 1}
PLAIN = ("plain", "plain-r1")  # WGAN-GP, as the public trainers have it; logistic loss with lazy R1
COMPILED = "-compiled"  # the end of a contender's name
COLUMNS = [
    "px",
    "batch",
    "",
    "images/s",
    "range",
    "ratio",
    "GFLOP/image",
    "GFLOP/s",
    "of the roof",
    "peak GB",
    "ratio",
]
DEVICE = evaluation_device()
LASTING = 2.0  # seconds a roof is measured for: a shared host runs several times as fast for a second, no round does


class Contender(NamedTuple):
    name: str
    rounds: Rounds
    cost: Tally
    seconds: list[float]  # of a round, the mean over those with a lazy penalty and those without
    roofs: list["Roof"]  # measured before the first of these and after each

    @property
    def dtype(self) -> torch.dtype:
        return HALVES.get(self.name.removesuffix(COMPILED), torch.float32)


def contender(name: str, resolution: int, batch: int, arguments: argparse.Namespace) -> Contender:
    """name: one of PLAIN, or a precision with or without COMPILED."""
    if name in PLAIN:
        lazy = arguments.every if name == "plain-r1" else None
        make: Callable[[], Rounds] = lambda: PlainRounds(  # noqa: E731
            resolution, batch, *arguments.maps, arguments.latent_dim, lazy
        )
        return Contender(name, make(), tally_rounds(make()), [], [])
    loss = LogisticR1Loss(every=arguments.every) if arguments.loss == "logistic-r1" else WassersteinLoss()
    base, most = arguments.maps
    sizes = {"latent_dim": arguments.latent_dim, "maps_base": base, "maps_max": most}
    config = ProganConfig(**sizes, loss=loss, stddev_group=min(4, batch) if batch > 1 else None)
    data, phase = DataSpec((resolution,), 1, (), ""), Phase(0, resolution, 1.0, batch, 0.001)

    optim = OptimConfig.model_validate({"precision": name.removesuffix(COMPILED), "compile": name.endswith(COMPILED)})
    played = build(config, data, resolution)
    counted = tally(played, optim, phase, data)
    if not arguments.contiguous:
        place(played, DEVICE)
    return Contender(name, Trial(played, optim, phase, data, DEVICE), counted, [], [])


def seconds(call: Callable[[], object]) -> float:
    return elapsed(call, 1, DEVICE)


class Roof(NamedTuple):
    product: float  # FLOP/s of matrix products
    convolution: float  # FLOP/s of 3x3 convolutions, the better of two shapes
    copy: float  # bytes/s read and written


def roof(dtype: torch.dtype) -> Roof:
    """What the device keeps up at this moment."""

    def rate(call: Callable[[], object], work: float) -> float:
        seconds(call)
        calls = max(8, round(LASTING / seconds(call)))
        return calls * work / elapsed(call, calls, DEVICE)

    a = torch.randn(2048, 2048, device=DEVICE, dtype=dtype)
    long = torch.zeros(2**26, device=DEVICE, dtype=dtype)
    convolutions = []
    for batch, maps, size in ((8, 256, 32), (4, 128, 128)):
        x = torch.randn(batch, maps, size, size, device=DEVICE, dtype=dtype).to(memory_format=torch.channels_last)
        w = torch.randn(maps, maps, 3, 3, device=DEVICE, dtype=dtype).to(memory_format=torch.channels_last)
        work = 2 * batch * size**2 * maps**2 * 9
        convolutions.append(rate(lambda x=x, w=w: F.conv2d(x, w, padding=1), work))
    copied = 2 * long.numel() * long.element_size()
    return Roof(rate(lambda: a @ a, 2 * 2048**3), max(convolutions), rate(lambda: long.clone(), copied))


def take_turns(contenders: list[Contender], turns: int) -> None:
    """Play `turns` rounds of each kind by each contender, after one to warm up."""
    for turn in range(turns + 1):
        for one in contenders:
            with float32("tf32" if one.name.startswith("tf32") else "ieee"):
                found = round_seconds(one.rounds, turn)
                one.roofs.append(roof(one.dtype))
            if turn:
                one.seconds.append(found)


def round_seconds(rounds: Rounds, turn: int) -> float:
    """Of a round, the mean over one with a lazy penalty and those without."""
    period = rounds.period
    found = seconds(lambda: rounds.play(turn * period))
    return (found + (period - 1) * seconds(lambda: rounds.play(1))) / period if period > 1 else found


def share(one: Contender) -> float:
    """Of the roof, which changes from second to second on a shared host."""
    beside = zip(one.seconds, itertools.pairwise(one.roofs), strict=True)
    return statistics.median(
        one.cost.flops / spent / statistics.mean(roof.convolution for roof in roofs) for spent, roofs in beside
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = [f"{resolution}:{BATCHES[resolution]}" for resolution in (4, 32, 128, 256)]
    parser.add_argument("--resolutions", nargs="+", default=sizes, metavar="PX[:BATCH]")
    parser.add_argument("--latent-dim", type=int, default=512)
    parser.add_argument("--maps", type=int, nargs=2, default=[8192, 512], metavar=("BASE", "MOST"))
    parser.add_argument("--loss", choices=["logistic-r1", "wgan-gp"], default="wgan-gp", help="progan's")
    parser.add_argument("--every", type=int, default=16, help="rounds between R1 penalties")
    precisions = "fp32, tf32, bf16 or fp16, with -compiled behind it or not"
    parser.add_argument("--contenders", nargs="+", default=["plain", "fp32"], help=f"{', '.join(PLAIN)}, {precisions}")
    parser.add_argument("--contiguous", action="store_true", help="on a CPU: not with the channels innermost")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {vars(arguments)}", flush=True)
    console = Console(width=140)
    roofs: dict[torch.dtype, list[Roof]] = {}
    for size in arguments.resolutions:
        resolution, batch = (*map(int, size.split(":")), 0)[:2]
        batch = batch or BATCHES[resolution]
        contenders = [contender(name, resolution, batch, arguments) for name in arguments.contenders]
        take_turns(contenders, arguments.turns)
        table = Table(*COLUMNS)
        for one in contenders:
            roofs.setdefault(one.dtype, []).extend(one.roofs)
            table.add_row(*row(one, contenders[0], resolution, batch))
        console.print(table)
    for dtype, several in roofs.items():
        products, convolutions, copies = (span(values) for values in zip(*several, strict=True))
        print(f"{dtype}: products {products} GFLOP/s, convolutions {convolutions} GFLOP/s, copies {copies} GB/s")


def span(values: Sequence[float]) -> str:
    """In 1e9."""
    low, middle, high = (f(values) / 1e9 for f in (min, statistics.median, max))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def row(one: Contender, first: Contender, resolution: int, batch: int) -> list[str]:
    spent = statistics.median(one.seconds)
    return [
        str(resolution),
        str(batch),
        one.name,
        f"{batch / spent:.2f}",
        f"{batch / max(one.seconds):.2f} to {batch / min(one.seconds):.2f}",
        f"{statistics.median(first.seconds) / spent:.2f}",
        f"{one.cost.flops / batch / 1e9:.1f}",
        f"{one.cost.flops / spent / 1e9:.1f}",
        f"{share(one):.0%}",
        f"{one.cost.peak_bytes / 1e9:.2f}",
        f"{one.cost.peak_bytes / first.cost.peak_bytes:.2f}",
    ]


if __name__ == "__main__":
    main()
