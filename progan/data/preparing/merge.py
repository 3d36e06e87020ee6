"""Merging parts: sets that `prepare` made of slices of one source become the set that one job would have made.

The stored bytes of the samples are copied, not encoded again.
"""

import heapq
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import one_line
from progan.data.manifest import MANIFEST, REJECTS, SAMPLES, Contents, Manifest, key
from progan.data.preparing.render import Reject, Sample
from progan.data.preparing.shards import REQUESTED, PrepareOptions, Progress, assemble
from progan.data.sources.base import Entry, Label, Numbered, Raw, Source
from progan.files import parse_json
from progan.types import DataError

_CHUNK = 64


def parts_folder(out: Path) -> Path:
    """Where the parts of the set `out` are made."""
    return out.with_name(f"{out.name}.parts")


def part_path(out: Path, part: tuple[int, int]) -> Path:
    return parts_folder(out) / f"{part[0]}-of-{part[1]}"


def merge(out: Path, max_rejects: float = 0.01, progress: Progress = lambda done: None) -> Manifest:
    """Make the set `out` of its parts. DataError if one is missing, incomplete, or of another request.

    A complete set whose parts were deleted is kept.
    """
    if (out / MANIFEST).exists() and not parts_folder(out).exists():
        return Manifest.load(out)
    parts = _load_parts(out)
    contents = parts[0].contents
    options = _options(contents, max_rejects)
    total = sum(part.count + part.contents.rejects for part in parts)
    source = _source_of(contents, total)

    def items(done: int) -> Iterator[list[Sample | Reject]]:
        stream = islice(_stream(parts), done, None)
        while chunk := list(islice(stream, _CHUNK)):
            yield chunk

    return assemble(source, out, options, items, total, progress)


def delete_parts(out: Path) -> None:
    """Of a complete set. Killed in the middle, the same call goes on."""
    folder = parts_folder(out)
    deleted = folder.with_name(f".{folder.name}.deleted")
    shutil.rmtree(deleted, ignore_errors=True)
    if folder.exists():
        folder.rename(deleted)  # at once, so that no half of them is taken for parts
        shutil.rmtree(deleted)


def _load_parts(out: Path) -> list[Manifest]:
    folder = parts_folder(out)
    # A part that is being made is a folder with a dot before its name.
    there = [path for path in folder.glob("*") if re.fullmatch(r"\d+-of-\d+", path.name)]
    found = sorted(there, key=lambda path: int(path.name.split("-")[0]))
    if not found:
        raise DataError(f"{folder}: no parts in it; make them with: progan prepare SOURCE --out {out} --part 1/8 ...")
    total = int(found[0].name.split("-")[-1])
    missing = [f"{n}/{total}" for n in range(1, total + 1) if not (folder / f"{n}-of-{total}").is_dir()]
    if missing or len(found) != total:
        rule = f"missing or unfinished: {', '.join(missing)}" if missing else "parts of different counts lie together"
        raise DataError(f"{folder}: {rule}; run those parts, or delete what does not belong there")
    parts = [Manifest.load(path) for path in found]
    for part in parts:
        if part.contents.request != parts[0].contents.request:
            raise DataError(f"{part.root}: made by another command than {parts[0].root}; prepare all parts alike")
    return parts


def _options(contents: Contents, max_rejects: float) -> PrepareOptions:
    """What the parts were asked for."""
    wanted: Any = {name: contents.request[name] for name in REQUESTED}
    return PrepareOptions(**wanted, max_rejects=max_rejects)


def _source_of(contents: Contents, total: int) -> Source:
    """The parts' source, as far as assembling needs it: nothing is loaded from it again."""
    identity = {name: value for name, value in contents.request.items() if name not in REQUESTED}
    entries, frame = Numbered(range(total)), BoxFrame(centre_square)
    return Source(contents.source, identity, contents.classes, entries, _not_loaded, frame, contents.multilabel)


def _not_loaded(entry: Entry) -> Raw:
    raise AssertionError("merging reads stored samples")


def _lines(path: Path, count: int) -> Iterator[dict[str, Any]]:
    """DataError unless there are so many: samples of a list that was cut off would be missing from the set."""
    found = 0
    try:
        with path.open(encoding="utf-8") as file:
            for found, line in enumerate(file, start=1):
                if found > count:
                    break
                yield parse_json(line)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)}); prepare this part again") from error
    if found != count:
        more = "more than" if found > count else f"{found} lines, not"
        raise DataError(f"{path}: {more} the {count} that the manifest says; prepare this part again")


def _stream(parts: Iterable[Manifest]) -> Iterator[Sample | Reject]:
    """Every sample and reject in the source's order."""
    for part in parts:
        sources: list[Iterator[Sample | Reject]] = [_samples(part), _rejects(part)]
        yield from heapq.merge(*sources, key=attrgetter("entry"))


def _rejects(part: Manifest) -> Iterator[Sample | Reject]:
    for facts in _lines(part.root / REJECTS, part.contents.rejects):
        yield Reject(facts["entry"], facts["name"], facts["reason"], facts.get("content"))


def _samples(part: Manifest) -> Iterator[Sample | Reject]:
    readers = [_Stored(part, resolution) for resolution in part.resolutions]
    labels = part.read_labels().tolist()
    for number, facts in enumerate(_lines(part.root / SAMPLES, part.count)):
        label: Label = tuple(labels[number]) if part.contents.multilabel else labels[number]
        encoded = tuple(reader.read(number) for reader in readers)
        yield Sample(facts["entry"], facts["name"], label, facts["content"], encoded)


class _Stored:
    """The samples of one resolution of a part, in order."""

    def __init__(self, part: Manifest, resolution: int) -> None:
        self._part = part
        self._shards = part.shards(resolution)
        self._index = part.read_index(resolution)
        self._open: tuple[int, int] = (-1, -1)  # shard number, descriptor

    def read(self, number: int) -> tuple[bytes, int]:
        """Stored bytes and CRC-32. DataError if they do not agree."""
        shard, offset, size, checksum = self._index[number].tolist()
        path = self._part.root / self._shards[shard].name
        if self._open[0] != shard:
            self.close()
            try:
                self._open = (shard, os.open(path, os.O_RDONLY))
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror}); prepare this part again") from error
        data = os.pread(self._open[1], size, offset)
        if zlib.crc32(data) != checksum:
            raise DataError(f"{path}: sample {key(number)} is altered; delete this part and prepare it again")
        return data, checksum

    def close(self) -> None:
        if self._open[1] >= 0:
            os.close(self._open[1])
            self._open = (-1, -1)

    def __del__(self) -> None:
        self.close()
