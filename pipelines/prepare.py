"""Prepare: raw pictures in, a sharded set at every resolution out."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from progan.data.images import largest_resolution
from progan.data.manifest import MANIFEST, Manifest
from progan.data.shards import Progress
from progan.data.shards import prepare as prepare_set
from progan.data.sources import Source, first_side, open_source

SYNTHETIC_RESOLUTION = 64
LINE_SECONDS = 10.0  # between progress lines where there is no terminal


def prepare(
    source: str,
    out: Path,
    resolution: int | None = None,
    limit: int | None = None,
    label: str | None = None,
    partition: str = "all",
    workers: int | None = None,
    max_rejects: float = 0.01,
) -> None:
    """Prepare `source` at `out`, showing progress; a complete set made by the same call is kept.

    resolution: None: the largest power of two that the first picture's square holds; of synthetic faces 64.
    workers: None: one for each core this process may use.
    """
    drawn = SYNTHETIC_RESOLUTION if resolution is None else resolution
    opened = open_source(source, resolution=drawn, limit=limit, label=label, partition=partition)
    top = resolution or (drawn if source == "synthetic" else largest_resolution(first_side(opened)))
    cores = workers or len(os.sched_getaffinity(0))
    started, verb = time.monotonic(), "already prepared" if (out / MANIFEST).exists() else "prepared"
    with _progress(opened) as progress:
        manifest = prepare_set(opened, out, top, limit, cores, max_rejects=max_rejects, progress=progress)
    print(f"{verb} {_summary(manifest)} in {time.monotonic() - started:.1f} s")


def _summary(manifest: Manifest) -> str:
    contents = manifest.contents
    parts = [f"{contents.count} images", f"{contents.rejects} rejected"]
    parts += [f"{name}: {count}" for name, count in zip(contents.classes, contents.class_counts, strict=True)]
    parts += [f"{manifest.resolutions[0]} to {manifest.resolutions[-1]} px", f"{manifest.bytes / 2**20:.1f} MiB"]
    return f"{manifest.root}: {', '.join(parts)}"


@contextmanager
def _progress(source: Source) -> Iterator[Progress]:
    """A bar with rate and time left on a terminal, else a line now and then."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(source)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("prepare"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} images/s, {task.fields[rejected]} rejected"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("prepare", total=len(source.entries), rate=0.0, rejected=0)

        def show(done: int, total: int, rejected: int) -> None:
            rate = done / (time.monotonic() - started)
            bar.update(task, completed=done, total=total, rate=rate, rejected=rejected)

        yield show


def _lines(source: Source) -> Progress:
    started = last = time.monotonic()

    def show(done: int, total: int, rejected: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_SECONDS:
            return
        last = now
        rate = done / (now - started)
        left = (total - done) / rate
        print(f"{source.path}: {done} of {total}, {rate:.0f} images/s, {left:.0f} s left, {rejected} rejected")

    return show
