"""Manifest: the sole owner of keys and file names in a prepared set.

manifest.json      all that follows with its hashes; written last, so a set that has one is complete
labels.npy         int64 N: class of each sample, UNLABELLED where unknown; its row number is the sample's number
names.jsonl        the source's name of each sample, a line each
rejects.jsonl      the pictures that could not be used, with reasons
r0032/index.npy    int64 (N, 3): shard number, offset and size of the sample's PNG inside the shard
r0032/000000.tar   ordinary WebDataset shards: KEY.png and, in a labelled set, KEY.cls
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from progan.files import write_json
from progan.types import DataError, DataSpec

VERSION = 1
MANIFEST, LABELS, NAMES, REJECTS = "manifest.json", "labels.npy", "names.jsonl", "rejects.jsonl"

_BLOCK = 1 << 20  # bytes read at a time when hashing


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

    shards: tuple[Shard, ...]
    index_sha256: str


class Contents(_Record):
    """What manifest.json says."""

    version: int = VERSION
    source: str  # as the user named it
    request: dict[str, str | int | None]  # what was asked for; equal requests make equal sets
    count: int
    rejects: int
    classes: tuple[str, ...]  # in label order; empty: unlabelled
    class_counts: tuple[int, ...]
    labels_sha256: str
    resolutions: dict[int, ResolutionFiles]  # ascending

    @property
    def fingerprint(self) -> str:
        """A digest of every shard and label, whatever the source was called."""
        hashes = {size: [shard.sha256 for shard in files.shards] for size, files in self.resolutions.items()}
        text = json.dumps([self.count, self.classes, self.labels_sha256, hashes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """A complete prepared set."""

    root: Path
    contents: Contents

    @classmethod
    def load(cls, root: Path) -> "Manifest":
        """DataError if `root` holds no complete set, one of another version, or a damaged manifest."""
        path = root / MANIFEST
        try:
            facts: Any = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(f"{root}: not a prepared set (no {MANIFEST}); make one with: progan prepare") from error
        except OSError as error:
            raise _missing(path, error) from error
        except ValueError as error:
            raise DataError(f"{path}: damaged: not JSON; copy the set again or prepare it again") from error
        return cls(root, _validated(path, facts))

    def write(self) -> None:
        """Write manifest.json; call it when every other file is in place."""
        facts = self.contents.model_dump(mode="json")
        write_json(self.root / MANIFEST, facts | {"fingerprint": self.contents.fingerprint})

    @property
    def spec(self) -> DataSpec:
        return DataSpec(self.resolutions, self.contents.count, self.contents.classes, self.contents.fingerprint)

    @property
    def resolutions(self) -> tuple[int, ...]:
        return tuple(self.contents.resolutions)

    @property
    def count(self) -> int:
        return self.contents.count

    @property
    def bytes(self) -> int:
        """Of all shards together."""
        return sum(shard.bytes for files in self.contents.resolutions.values() for shard in files.shards)

    def shards(self, resolution: int) -> tuple[Shard, ...]:
        """In order. DataError if the set was not prepared at this resolution."""
        return self._files(resolution).shards

    def shard_path(self, resolution: int, number: int) -> Path:
        return self.root / self.shards(resolution)[number].name

    def read_index(self, resolution: int) -> NDArray[np.int64]:
        """(N, 3): shard number, offset, size of each sample's PNG. DataError if the file is missing or altered."""
        return _checked_array(self.root / index_name(resolution), self._files(resolution).index_sha256)

    def read_labels(self) -> NDArray[np.int64]:
        """N. DataError if the file is missing or altered."""
        return _checked_array(self.root / LABELS, self.contents.labels_sha256)

    def verify(self) -> None:
        """Read every file again; DataError naming the first that is missing or altered."""
        self.read_labels()
        for resolution in self.resolutions:
            self.read_index(resolution)
            for shard in self.shards(resolution):
                _require_hash(self.root / shard.name, _file_hash(self.root / shard.name), shard.sha256)

    def _files(self, resolution: int) -> ResolutionFiles:
        if resolution not in self.contents.resolutions:
            known = ", ".join(map(str, self.resolutions))
            raise DataError(f"{self.root}: no {resolution} px images, only {known}; prepare the set at {resolution} px")
        return self.contents.resolutions[resolution]


def _validated(path: Path, facts: Any) -> Contents:
    if not isinstance(facts, dict) or "version" not in facts:
        raise DataError(f"{path}: damaged: no version in it; copy the set again or prepare it again")
    if facts["version"] != VERSION:
        raise DataError(f"{path}: version {facts['version']}, this program reads {VERSION}; prepare the set again")
    fingerprint = facts.pop("fingerprint", None)
    try:
        contents = Contents.model_validate(facts)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(f"{path}: damaged at {where}; copy the set again or prepare it again") from error
    if contents.fingerprint != fingerprint:
        raise DataError(f"{path}: damaged: the fingerprint does not fit; copy the set again or prepare it again")
    return contents


def _checked_array(path: Path, sha256: str) -> NDArray[np.int64]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _missing(path, error) from error
    _require_hash(path, hashlib.sha256(data).hexdigest(), sha256)
    array: NDArray[np.int64] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise _missing(path, error) from error
    return digest.hexdigest()


def _require_hash(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise DataError(f"{path}: altered since it was written; copy the set again or prepare it again")


def _missing(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); copy the set again or prepare it again")
