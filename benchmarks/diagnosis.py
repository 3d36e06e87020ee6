"""What `progan diagnose` says of runs made to fail in each way, of several seeds: a row of numbers for each run.

    progan prepare synthetic --out datasets/faces-16 --resolution 16 --limit 3000
    progan prepare synthetic --out datasets/faces-16-few --resolution 16 --limit 8
    python benchmarks/diagnosis.py runs/diagnosis --seeds 0 1 2 [--names collapse healthy]

Runs that are there already are only read. A value in bold is bad, one in italics is watched.
"""

import argparse
import time
from contextlib import redirect_stdout
from pathlib import Path

import torch

from pipelines.diagnose import measure_missing
from pipelines.train import train
from progan.report.account import Account, read_account
from progan.report.wording import number
from progan.rundir import RunDirectory
from progan.types import TrainingError

CONFIGS = Path(__file__).parents[1] / "configs" / "failures"


def made(name: str, seed: int, folder: Path) -> tuple[Account, float]:
    """The run, and the CPU seconds that it took to make."""
    run, began = folder / f"{name}-{seed}", time.process_time()
    with (folder / f"{name}-{seed}.log").open("a") as log, redirect_stdout(log):
        try:
            train(CONFIGS / f"{name}.yaml", run, [f"seed={seed}"])
        except TrainingError as error:
            print(error)
        measure_missing(run)
    return read_account(RunDirectory(run)), time.process_time() - began


def row(account: Account, seconds: float) -> str:
    diagnosis, notices = account.diagnosis, account.record.notices
    marks = {"bad": "**", "watch": "*", "fine": "", "not measured": ""}
    values = [f"{marks[one.state]}{number(one.value)}{marks[one.state]}" for one in diagnosis.findings]
    warned = ", ".join(f"{one.failure} at {one.images_seen / 1000:g}" for one in notices if one.state == "bad") or "–"
    return (
        f"| {account.name} | {' | '.join(values)} | {', '.join(diagnosis.failures) or '–'} | {warned} | {seconds:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--names", nargs="+", default=sorted(path.stem for path in CONFIGS.glob("*.yaml")))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        for seed in arguments.seeds:
            print(row(*made(name, seed, arguments.folder)), flush=True)


if __name__ == "__main__":
    main()
