"""What training on several processes costs beside training.

    python benchmarks/scaling.py rounds                 # 1, 2 and 4 processes of this machine, the same global batch
    torchrun ... benchmarks/scaling.py averaging        # the gradients of the 1024 px networks, over the link there is
    python benchmarks/scaling.py model                  # what 8 to 64 GPUs should do, from counted operations and bytes

Figures depend on the machine and on what else it does: compare only figures of one quiet run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from progan.distributed import averaging
from progan.distributed.world import World
from progan.engine import play, rounds
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.tally import tally
from progan.engine.train import start, train
from progan.engine.trial import RandomImages
from progan.schedule import ConstantConfig, Phase, constant
from progan.systems.settings.progan import LogisticR1Loss, ProganConfig
from progan.systems.system import System
from progan.systems.table import build
from progan.types import DataSpec

NETWORKS = {
    "small": ProganConfig(latent_dim=128, maps_base=1024, maps_max=64, loss=LogisticR1Loss()),
    "paper": ProganConfig(),
}
CASES = [("small", 16, 32, 24), ("small", 32, 32, 12), ("paper", 8, 16, 4)]  # networks, px, global batch, rounds
WARM_UP = 2  # rounds
CPU = torch.device("cpu")


def pictures(resolution: int) -> DataSpec:
    return DataSpec((resolution,), 1, (), "")


def untrained(name: str, resolution: int) -> System:
    torch.manual_seed(0)
    return build(NETWORKS[name], pictures(resolution), resolution)


def joined() -> World:
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size > 1:
        dist.init_process_group("gloo")
    return World(int(os.environ.get("RANK", "0")), size, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


class Clock:
    """Seconds spent in functions that it wraps, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = call(*arguments, **named)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
            return result

        return wrapped

    def take(self) -> dict[str, float]:
        taken, self.seconds = self.seconds, {}
        return taken


def measure_rounds() -> None:
    """One process of several: a line of JSON a case from rank 0, milliseconds a round."""
    world, clock = joined(), Clock()
    wait = clock.timed("waiting", dist.barrier if world.size > 1 else lambda: None)
    average = clock.timed("averaging", averaging.average_gradients)

    def average_when_all_are_there(*arguments: Any) -> None:
        wait()  # apart, for it says how uneven the processes are and nothing of the link
        average(*arguments)

    play.average_gradients = average_when_all_are_there
    rounds.with_flag = clock.timed("reading", rounds.with_flag)
    for name, resolution, batch, count in CASES:
        rounds_in_all = ConstantConfig(resolution=resolution, batch=batch, total_kimg=(WARM_UP + count) * batch / 1000)
        ticks = train(
            start(untrained(name, resolution), OptimConfig()),
            constant(rounds_in_all, OptimConfig().lr),
            RandomImages(pictures(resolution)),
            Rules(0, OptimConfig(), True, batch, world, CPU, compare_rounds=10**9),
        )
        found: list[dict[str, float]] = []
        began = time.perf_counter()
        for _ in ticks:
            now = time.perf_counter()
            found.append({"round": now - began} | clock.take())
            began = now
        if world.is_main:
            kept = found[WARM_UP:]
            medians = {part: 1000 * statistics.median(one.get(part, 0.0) for one in kept) for part in found[0]}
            print(json.dumps({"networks": name, "px": resolution, "batch": batch, "ms": medians}), flush=True)


def measure_averaging() -> None:
    """One process of several: seconds and bytes of one averaging of both networks' gradients."""
    world = joined()
    parameters = [p for network in untrained("paper", 1024).networks.values() for p in network.parameters()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    payload = sum(4 * parameter.numel() for parameter in parameters)
    seconds, moved = [], []
    for _ in range(1 + 5):
        dist.barrier()
        before, began = sent(), time.perf_counter()
        averaging.average_gradients(parameters, world)
        seconds.append(time.perf_counter() - began)
        dist.barrier()
        moved.append(sent() - before)
    if world.is_main:
        least = 2 * (world.size - 1) / world.size * payload
        took = statistics.median(seconds[1:])
        print(f"{world.size} processes, {payload / 1e6:.1f} MB: {took:.3f} s, {least / took / 1e6:.0f} MB/s each")
        bytes_each = statistics.median(moved[1:]) / world.local_size
        print(
            f"sent by each {bytes_each / 1e6:.1f} MB, the least possible {least / 1e6:.1f} MB: {bytes_each / least:.3f}"
        )


def sent() -> int:
    """Bytes that this machine, or this network namespace, has sent."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return sum(int(line.split(":")[1].split()[8]) for line in lines)


def run_rounds() -> None:
    table: dict[tuple[str, int, int], dict[int, dict[str, float]]] = {}
    for processes in (1, 2, 4):
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
        command = [sys.executable, *launcher, __file__, "worker"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        for line in done.stdout.splitlines():
            case = json.loads(line)
            table.setdefault((case["networks"], case["px"], case["batch"]), {})[processes] = case["ms"]
    print("networks  px  batch  processes  round ms  reading+agreeing  waiting  averaging  averaging/round")
    for (name, px, batch), rows in table.items():
        for processes, ms in rows.items():
            parts = [ms.get(part, 0.0) for part in ("reading", "waiting", "averaging")]
            shown = "".join(f"{part:10.2f}" for part in parts)
            print(f"{name:8} {px:4} {batch:5} {processes:8} {ms['round']:12.1f} {shown} {parts[2] / ms['round']:10.1%}")


# The model. One process a GPU, 8 a node, one network card a node. What it takes for granted stands in scaling.md.
GPUS_A_NODE = 8
STEP_LATENCY = 20e-6  # seconds for one step of a ring between nodes
GROUP = 4  # images of the minibatch statistic, the least of a GPU
ROUND_OVERHEAD = 10e-3  # seconds a round of launching kernels, which no number of processes shortens
PRESET_8 = {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32, 512: 32, 1024: 32}  # published, for 8 GPUs
WEAK = {4: 64, 8: 64, 16: 64, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}  # a GPU, about the published for one


def counted(resolution: int) -> tuple[float, int]:
    """FLOPs an image of a round of the published recipe, and bytes of gradients."""
    phase = Phase(0, resolution, 1.0, GROUP, 0.001)
    cost = tally(untrained("paper", 1024), OptimConfig(), phase, pictures(1024))
    return cost.flops / GROUP, cost.gradient_bytes


def model(tflops: float, gbits: list[float]) -> None:
    print(f"{tflops:g} TFLOP/s a GPU; share of the time that is not averaging or launching, and images/s on 64 GPUs")
    print(
        "  px  GFLOP/image  MB/round | weak: images a GPU, " + "  ".join(f"{g:g} Gbit/s: 8 16 32 64" for g in gbits),
        end="",
    )
    print(" | strong: global batch, the same")
    for resolution in PRESET_8:
        flops, payload = counted(resolution)
        cells = [f"{resolution:4} {flops / 1e9:12.1f} {payload / 1e6:9.1f}"]
        for images in (lambda n, r=resolution: WEAK[r] * n, lambda n, r=resolution: max(PRESET_8[r], GROUP * n)):
            cell = f"{images(1) if images(2) == 2 * images(1) else PRESET_8[resolution]:4}"
            for gbit in gbits:
                times = [predicted(flops * images(n) / n / tflops / 1e12, payload, n, gbit) for n in (8, 16, 32, 64)]
                cell += "  " + " ".join(f"{useful / total:4.0%}" for useful, total in times)
                cell += f" {images(64) / times[-1][1]:8.0f}"
            cells.append(cell)
        print(" | ".join(cells), flush=True)


def predicted(compute: float, payload: int, processes: int, gbit: float) -> tuple[float, float]:
    """Seconds of computing and of a whole round."""
    nodes = processes // GPUS_A_NODE
    link = 0.0 if nodes == 1 else 2 * (processes - 1) / processes * payload / (gbit * 1e9 / 8)
    steps = 0 if nodes == 1 else 2 * (nodes - 1)
    return compute, compute + ROUND_OVERHEAD + link + 2 * steps * STEP_LATENCY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rounds", "worker", "averaging", "model"])
    parser.add_argument("--tflops", type=float, default=300, help="model: reached by a GPU")
    parser.add_argument("--gbits", type=float, nargs="+", default=[100, 400], help="model: of a node's network card")
    arguments = parser.parse_args()
    if arguments.what == "model":
        model(arguments.tflops, arguments.gbits)
    else:
        {"rounds": run_rounds, "worker": measure_rounds, "averaging": measure_averaging}[arguments.what]()


if __name__ == "__main__":
    main()
