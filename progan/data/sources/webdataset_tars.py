"""WebDataset tars: KEY.jpg and its like, or KEY.npy of HWC pixels, with the class in KEY.cls or KEY.json.

Headers are read once; after that pictures are read by offset. Nothing in a tar is unpickled or run.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from math import prod
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import MAX_PIXELS, SUFFIXES, BadImage, Pixels, decode, one_line
from progan.data.manifest import MANIFEST
from progan.data.sources import divided
from progan.data.sources.base import Entry, Identity, Raw, Source, SourceOptions, container, digest, reading
from progan.data.sources.classes import BY_CLASS, Value, classed, parsed
from progan.data.sources.given import Given, is_hidden
from progan.files import parse_json
from progan.types import DataError

SUFFIX = ".tar"
_ARRAY = ".npy"
PICTURES = (*SUFFIXES, _ARRAY)

_LABELS = (".cls", ".json")
_MAX_LABEL_BYTES = 2**20
_TAIL = 2**20  # bytes after the end mark that are looked at


def recognises(given: Given) -> bool:
    return divided.holds(given, SUFFIX)


def open_source(given: Given, options: SourceOptions) -> Source:
    """Samples in the order of the shards' names, then of their places. DataError for a damaged shard or label.

    options.label: BY_CLASS: what KEY.cls holds, or KEY.json, or "label" in it; else the name of a field of KEY.json.
    """
    _require_no_prepared_set(given)
    shards = divided.files(given, SUFFIX, options.partition)
    root = given.path.parent if given.path.is_file() else given.path
    entries: list[Entry] = []
    values: list[Value] = []
    for number, shard in enumerate(shards):
        prefix = shard.relative_to(root).as_posix()
        for sample in _samples(shard, wants_labels=options.label is not None):
            entries.append(Entry(f"{prefix}/{sample.name}", place=(number, *sample.place)))
            if options.label is not None:
                values.append(_value(shard, sample, options.label))
    listing = digest(f"{entry.name} {entry.place}" for entry in entries)
    identity: Identity = {"kind": "tars", "label": None, "partition": options.partition, "listing": listing}
    source = Source(given.spec, identity, (), entries, partial(_load, tuple(shards)), BoxFrame(centre_square))
    return source if options.label is None else classed(source, options.label, values)


def _require_no_prepared_set(given: Given) -> None:
    try:
        facts = parse_json((given.path / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(facts, dict) and {"fingerprint", "resolutions"} <= facts.keys():
        rule = "train on it as it is; to prepare it anew give the folder of its largest pictures in it"
        raise DataError(f"{given.spec}: a prepared set already; {rule}")


@dataclass
class Sample:
    """The members of one key."""

    name: str  # of the picture; of the key where none is a picture
    place: tuple[int, ...] = ()  # of the picture: offset in the tar and size; empty: there is none
    labels: dict[str, bytes] = field(default_factory=dict)  # by suffix


def _samples(shard: Path, wants_labels: bool) -> Iterator[Sample]:
    """Every key of one shard, in order. Members of one key stand together."""
    keys: set[str] = set()
    with container(shard) as file:
        for key, members in groupby(_members(shard, file), lambda named: _split(named[0])[0]):
            if key in keys:
                raise DataError(
                    f"{shard}: the members of {key} stand apart, or two samples have its name; write it again"
                )
            keys.add(key)
            yield _sample(shard, file, key, members, wants_labels)


def _sample(
    shard: Path, file: BinaryIO, key: str, members: Iterable[tuple[str, tarfile.TarInfo]], wants_labels: bool
) -> Sample:
    sample = Sample(key)
    for name, member in members:
        suffix = _split(name)[1]
        if suffix in PICTURES:
            if sample.place:
                raise DataError(f"{shard}: {sample.name} and {name} are two pictures of one sample; keep one")
            sample.name, sample.place = name, (member.offset_data, member.size)
        elif suffix in _LABELS and wants_labels:
            file.seek(member.offset_data)
            sample.labels[suffix] = file.read(min(member.size, _MAX_LABEL_BYTES))
    return sample


def _split(name: str) -> tuple[str, str]:
    """Key and suffix: what comes before the first dot of the file's name, and the rest in lower case."""
    folder, slash, base = name.rpartition("/")
    stem, dot, rest = base.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{rest.lower()}"


def _members(shard: Path, file: BinaryIO) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The files in it by name, nothing hidden. DataError unless it is a whole tar."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # or all headers would stay in memory
                name = PurePosixPath(member.name).as_posix()
                if member.isdir() or any(map(is_hidden, name.split("/"))):
                    continue
                if not member.isreg() or member.issparse():
                    raise tarfile.ReadError(f"{name} is no plain file")
                yield name, member
            _require_end(shard, file, tar.offset)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{shard}: not a readable tar ({error}); get it again, unpacked if it is a .gz") from error


def _require_end(shard: Path, file: BinaryIO, offset: int) -> None:
    """tarfile takes the end of the file for the end mark, and leaves out what follows the mark."""
    file.seek(offset)
    rest = file.read(_TAIL)
    if not rest:
        raise DataError(f"{shard}: its end mark is missing: incomplete; get it again")
    if rest.strip(b"\0"):
        raise DataError(f"{shard}: goes on after its end mark, as joined tars do; give the tars that were joined")


def _value(shard: Path, sample: Sample, label: str) -> Value:
    where = f"{shard}: {sample.name}"
    text = sample.labels.get(".cls" if label == BY_CLASS else "")
    if text is not None:
        return parsed(where, _number(text.decode("utf-8", "replace").strip()))
    try:
        facts = parse_json(sample.labels.get(".json", b"null"))
    except ValueError as error:
        raise DataError(f"{where}: its .json is damaged; get the shard again") from error
    if isinstance(facts, dict):
        return parsed(where, facts.get("label" if label == BY_CLASS else label))
    return parsed(where, facts if label == BY_CLASS else None)


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _load(shards: tuple[Path, ...], entry: Entry) -> Raw:
    if len(entry.place) != 3:
        raise BadImage(f"no picture: none of its members is {', '.join(PICTURES)}")
    number, offset, size = entry.place
    with container(shards[number]) as file, reading():
        file.seek(offset)
        data = file.read(size)
    if len(data) != size:
        raise DataError(f"{shards[number]}: shorter than when it was opened; get it again")
    return Raw(decode_array(data) if entry.name.lower().endswith(_ARRAY) else decode(data), entry.label)


def decode_array(data: bytes) -> Pixels:
    """An .npy file of uint8 pixels, HWC with 3 channels or 1, or HW of grey. BadImage for anything else."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
    except ValueError as error:
        raise BadImage(f"not a readable image: {one_line(error)}") from error
    if dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)) or 0 in shape:
        raise BadImage(f"not an image: an array of {dtype} {shape}, not of uint8 (height, width, 3)")
    if prod(shape) != len(data) - file.tell() or prod(shape[:2]) > MAX_PIXELS:
        raise BadImage(f"not a readable image: {len(data) - file.tell()} bytes of pixels for an array {shape}")
    array = np.frombuffer(data, np.uint8, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(np.broadcast_to(array.reshape(*shape[:2], -1), (*shape[:2], 3)))
