"""Inspect: what a prepared set holds, in numbers and in a contact sheet."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from progan.data.manifest import REJECTS, Manifest
from progan.data.preparing.assembly import reason_kind
from progan.data.reading.reader import Reader
from progan.files import read_jsonl
from progan.sampling.grids import grid_shape, save_sheet, tile

CLASSES = 12  # rows of the sheet of a labelled set at most
LISTED = 40  # classes in the table at most
SHOWN = 40  # characters of an option at most: digests are long


def inspect(path: Path, out: Path | None, resolution: int | None) -> None:
    """Print counts, classes, sizes and rejects of the set at `path`; write the contact sheet if `out` is given."""
    manifest, console = Manifest.load(path), Console(highlight=False, soft_wrap=True)
    contents = manifest.contents
    part = f" (part {contents.part})" if contents.part else ""
    console.print(
        f"{path}{part}: {contents.count} images of {contents.source}, fingerprint {contents.fingerprint[:16]}"
    )
    request = {name: str(value)[:SHOWN] for name, value in contents.request.items() if value is not None}
    console.print("made with " + ", ".join(f"{name} {value}" for name, value in request.items()))
    console.print(_sizes(manifest))
    if contents.classes:
        console.print(_classes(manifest))
    for reason, count in Counter(reason_kind(line["reason"]) for line in read_jsonl(path / REJECTS)).most_common():
        console.print(f"rejected: {count}: {reason}")
    if out is not None:
        _write_sheet(manifest, out, resolution or manifest.resolutions[-1])
        console.print(f"contact sheet: {out}")


def _sizes(manifest: Manifest) -> Table:
    table = Table("px", "encoding", "shards", "MiB", "bytes an image")
    for resolution in manifest.resolutions:
        files = manifest.files(resolution)
        each = f"{files.bytes / manifest.count:.0f}"
        table.add_row(str(resolution), files.encoding, str(len(files.shards)), f"{files.bytes / 2**20:.1f}", each)
    return table


def _classes(manifest: Manifest) -> Table:
    contents = manifest.contents
    table = Table("label", "class", "images")
    for number, (name, count) in enumerate(zip(contents.classes, contents.class_counts, strict=True)):
        if number < LISTED:
            table.add_row(str(number), name, str(count))
    if len(contents.classes) > LISTED:
        table.add_row("...", f"{len(contents.classes)} classes in all", "")
    return table


def _write_sheet(manifest: Manifest, out: Path, resolution: int) -> None:
    """Evenly spaced samples; of a labelled set a row for each of the first classes."""
    rows, columns = grid_shape(resolution)
    labels = manifest.read_labels()
    if manifest.contents.classes:
        members = [_members(labels, number) for number in range(min(CLASSES, len(manifest.contents.classes)))]
        chosen = [_spaced(member, columns) for member in members if len(member)]
    else:
        chosen = [_spaced(range(manifest.count), rows * columns)]
    reader = Reader(manifest, resolution)
    pictures = [reader.begin(np.array(numbers)).result().permute(0, 3, 1, 2) for numbers in chosen]
    sheets = [tile(images, columns) for images in pictures]
    reader.close()
    save_sheet(torch.cat(sheets), out)


def _members(labels: NDArray[np.int64], number: int) -> list[int]:
    holds = labels[:, number] == 1 if labels.ndim == 2 else labels == number
    return [int(row) for row in np.flatnonzero(holds)]


def _spaced(rows: Sequence[int], count: int) -> list[int]:
    """At most `count` of the rows, evenly spread."""
    count = min(count, len(rows))
    return [int(rows[place * len(rows) // count]) for place in range(count)]
