"""Manifest: the sole owner of keys and file names in a prepared set.

manifest.json      all that follows with its hashes; written last, so a set that has one is complete
labels.npy         int64 N: class of each sample, UNLABELLED where unknown; of a set with several labels (N, K),
                   1 or 0 for each class; a sample's number is its row
samples.jsonl      a line for each sample: its name in the source and a digest of its pixels
rejects.jsonl      the pictures that could not be used, with reasons
r0032/index.npy    int64 (N, 4): shard number, offset and size of the sample inside the shard, CRC-32 of its bytes
r0032/000000.tar   ordinary WebDataset shards: KEY.npy (raw pixels HWC), .png, .webp or .jpg and, in a labelled set,
                   KEY.cls, or KEY.json (a list) where there are several labels
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from progan.data.place import LocalPlace, Place
from progan.files import parse_json, write_json
from progan.types import UNLABELLED, DataError, DataSpec

VERSION = 2
MANIFEST, LABELS, SAMPLES, REJECTS = "manifest.json", "labels.npy", "samples.jsonl", "rejects.jsonl"

REMEDY = "copy the set again or prepare it again"


def key(number: int) -> str:
    """The WebDataset key of a sample."""
    return f"{number:08d}"


def shard_name(resolution: int, number: int) -> str:
    return f"r{resolution:04d}/{number:06d}.tar"


def index_name(resolution: int) -> str:
    return f"r{resolution:04d}/index.npy"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shard(_Record):
    name: str
    count: int  # samples
    bytes: int
    sha256: str


class ResolutionFiles(_Record):
    """The files of one resolution."""

    encoding: str  # of its samples: see codec.py
    shards: tuple[Shard, ...]
    index_sha256: str

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)


class Contents(_Record):
    """What manifest.json says."""

    version: int = VERSION
    source: str  # as the user named it
    request: dict[str, str | int | float | bool | None]  # what was asked for; equal requests make equal sets
    part: str | None = None  # "2/8": the second of eight parts that are still to be merged; None: a whole set
    count: int
    rejects: int
    classes: tuple[str, ...]  # in label order; empty: unlabelled
    multilabel: bool = False  # whether a sample can belong to several classes
    class_counts: tuple[int, ...]
    labels_sha256: str
    resolutions: dict[int, ResolutionFiles]  # ascending

    @property
    def fingerprint(self) -> str:
        """A digest of every shard and label, whatever the source was called."""
        hashes = {size: [shard.sha256 for shard in files.shards] for size, files in self.resolutions.items()}
        text = json.dumps([self.count, self.classes, self.labels_sha256, hashes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, root: Path) -> None:
        """Write manifest.json; call it when every other file is in place."""
        write_json(root / MANIFEST, self.model_dump(mode="json") | {"fingerprint": self.fingerprint})


@dataclass(frozen=True)
class Manifest:
    """A complete prepared set."""

    place: Place
    contents: Contents

    @classmethod
    def load(cls, place: Place | Path) -> "Manifest":
        """DataError if there is no complete set, one of another version, or a damaged manifest."""
        place = LocalPlace(place) if isinstance(place, Path) else place
        path = place.describe(MANIFEST)
        try:
            text = place.read(MANIFEST)
        except (FileNotFoundError, NotADirectoryError) as error:
            rule = f"not a prepared set (no {MANIFEST}); make one with: progan prepare"
            raise DataError(f"{place.describe()}: {rule}") from error
        except OSError as error:
            raise _missing(path, error) from error
        try:
            facts: Any = parse_json(text.decode())
        except ValueError as error:
            raise DataError(f"{path}: damaged: not JSON; {REMEDY}") from error
        return cls(place, _validated(path, facts))

    @cached_property
    def spec(self) -> DataSpec:
        """DataError if the labels, where there are several an image, are missing or altered."""
        facts = self.contents
        combinations, counts = _combinations(self.read_labels()) if facts.multilabel else ((), facts.class_counts)
        return DataSpec(
            self.resolutions, facts.count, facts.classes, facts.fingerprint, counts=counts, combinations=combinations
        )

    @property
    def root(self) -> Path:
        """The folder of a local set."""
        assert self.place.root is not None
        return self.place.root

    @property
    def resolutions(self) -> tuple[int, ...]:
        return tuple(self.contents.resolutions)

    @property
    def count(self) -> int:
        return self.contents.count

    @property
    def bytes(self) -> int:
        """Of all shards together."""
        return sum(files.bytes for files in self.contents.resolutions.values())

    def files(self, resolution: int) -> ResolutionFiles:
        """DataError if the set was not prepared at this resolution."""
        if resolution not in self.contents.resolutions:
            known = ", ".join(map(str, self.resolutions))
            rule = f"no {resolution} px images, only {known}; prepare the set at {resolution} px"
            raise DataError(f"{self.place.describe()}: {rule}")
        return self.contents.resolutions[resolution]

    def shards(self, resolution: int) -> tuple[Shard, ...]:
        """In order."""
        return self.files(resolution).shards

    def read_index(self, resolution: int) -> NDArray[np.int64]:
        """(N, 4): shard number, offset, size, CRC-32 of each sample. DataError if the file is missing or altered."""
        return self._checked_array(index_name(resolution), self.files(resolution).index_sha256)

    def read_labels(self) -> NDArray[np.int64]:
        """N, or (N, K) with several labels. DataError if the file is missing or altered."""
        return self._checked_array(LABELS, self.contents.labels_sha256)

    def _checked_array(self, name: str, sha256: str) -> NDArray[np.int64]:
        path = self.place.describe(name)
        try:
            data = self.place.read(name)
        except OSError as error:
            raise _missing(path, error) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DataError(f"{path}: altered since it was written; {REMEDY}")
        array: NDArray[np.int64] = np.load(io.BytesIO(data), allow_pickle=False)
        return array


def _combinations(labels: NDArray[np.int64]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Of labels (N, K) the rows that occur, in order, and how often; images without labels are left out."""
    known = labels[labels[:, 0] != UNLABELLED].astype(np.uint8)
    rows, counts = np.unique(known, axis=0, return_counts=True)
    return tuple("".join(map(str, row)) for row in rows.tolist()), tuple(counts.tolist())


def _validated(path: str, facts: Any) -> Contents:
    if not isinstance(facts, dict) or "version" not in facts:
        raise DataError(f"{path}: damaged: no version in it; {REMEDY}")
    if facts["version"] != VERSION:
        raise DataError(f"{path}: version {facts['version']}, this program reads {VERSION}; prepare the set again")
    fingerprint = facts.pop("fingerprint", None)
    try:
        contents = Contents.model_validate(facts)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(f"{path}: damaged at {where}; {REMEDY}") from error
    if contents.fingerprint != fingerprint:
        raise DataError(f"{path}: damaged: the fingerprint does not fit; {REMEDY}")
    return contents


def _missing(path: str, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}")
