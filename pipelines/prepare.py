"""Prepare: raw pictures in, a sharded set at every resolution out; merge does the same of finished parts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.console import counting
from progan.data.images import largest_resolution
from progan.data.manifest import MANIFEST, Manifest
from progan.data.preparing.merge import delete_parts, part_path
from progan.data.preparing.merge import merge as merge_parts
from progan.data.preparing.shards import Done, PrepareOptions, Progress
from progan.data.preparing.shards import prepare as prepare_set
from progan.data.sources import SourceOptions, first_side, open_source
from progan.types import ConfigError

SYNTHETIC_RESOLUTION = 64
NAMED = 20  # classes in the summary at most; progan inspect lists more


def prepare(source: str, out: Path, options: SourceOptions, chosen: Callable[[int], PrepareOptions]) -> None:
    """Prepare `source` at `out`, showing progress; a complete set made by the same call is kept.

    options.resolution: None: the largest power of two that the first picture's square holds; of synthetic faces 64.
    chosen: the other options, for that resolution; their part goes to a folder beside `out`.
    """
    synthetic = source == "synthetic"
    if not synthetic and out.resolve().is_relative_to(Path(source).resolve()):
        raise ConfigError(f"--out {out}: lies in {source}, where its files would be taken for sources; choose another")
    drawn = options.resolution or (SYNTHETIC_RESOLUTION if synthetic else None)
    opened = open_source(source, SourceOptions(**vars(options) | {"resolution": drawn}))
    wanted = chosen(drawn or largest_resolution(first_side(opened)))
    target = out if wanted.part is None else part_path(out, wanted.part)
    _report(target, lambda progress: prepare_set(opened, target, wanted, progress))


def merge(out: Path, max_rejects: float, delete: bool) -> None:
    """Make the set `out` of its parts, showing progress; and delete these if wanted."""
    _report(out, lambda progress: merge_parts(out, max_rejects, progress))
    if delete:
        delete_parts(out)


def parse_part(text: str | None) -> tuple[int, int] | None:
    """ "2/8" -> (2, 8). ConfigError for anything else."""
    if text is None:
        return None
    number, slash, parts = text.partition("/")
    if not (slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise ConfigError(f"--part {text!r}: give the part and how many there are, from 1/8 to 8/8")
    return int(number), int(parts)


def _report(out: Path, make: Callable[[Progress], Manifest]) -> None:
    started, verb = time.monotonic(), "already prepared" if (out / MANIFEST).exists() else "prepared"
    with _progress() as progress:
        manifest = make(progress)
    print(f"{verb} {_summary(manifest)} in {time.monotonic() - started:.1f} s")


def _summary(manifest: Manifest) -> str:
    contents = manifest.contents
    parts = [f"{contents.count} images", f"{contents.rejects} rejected"]
    parts += [
        f"{name}: {count}" for name, count in list(zip(contents.classes, contents.class_counts, strict=True))[:NAMED]
    ]
    parts += ["..."] if len(contents.classes) > NAMED else []
    parts += [f"{manifest.resolutions[0]} to {manifest.resolutions[-1]} px", f"{manifest.bytes / 2**20:.1f} MiB"]
    return f"{manifest.root}: {', '.join(parts)}"


@contextmanager
def _progress() -> Iterator[Progress]:
    with counting("prepare", "images") as show:
        yield lambda done: show(done.entries, done.of, done.before, _note(done))


def _note(done: Done) -> str:
    earlier = f"{done.before} of an earlier call, " if done.before else ""
    return f"{earlier}{done.rejects} rejected"
