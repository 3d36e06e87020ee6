"""Assembling a set: one ordered stream of samples and rejects becomes shards, indexes, labels and a manifest.

Everything that concerns the whole set (numbers, duplicates, where a shard ends) is decided here, in the source's order.
So the bytes are the same for any number of workers, of parts, and of interruptions: each file is appended to, and
state.json, written after all of them are synced, says how much counts.
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from progan.data.manifest import LABELS, REJECTS, SAMPLES, Contents, key
from progan.data.preparing.render import Reject, Sample
from progan.data.preparing.seen import Seen
from progan.data.preparing.tars import ROWS, Appended, TarSet, TarState, save_rows
from progan.data.sources.base import Identity, Label, Source
from progan.files import write_json
from progan.types import DataError

STATE = "state.json"
DUPLICATE = "duplicate"

_SAVE_SECONDS = 5.0  # what a kill can cost
_LABEL_ROWS, _DIGEST_ROWS = f"labels{ROWS}", f"contents{ROWS}"
_DIGEST = 8  # bytes


class State(BaseModel):
    """How far an assembly has come."""

    request: Identity
    done: int = 0  # entries of the source
    count: int = 0  # samples among them
    rejects: int = 0
    first_reject: str = ""
    tallies: dict[int, int] = {}  # class -> samples
    lengths: dict[str, int] = {}  # of the files below, in bytes
    tars: dict[int, TarState] = {}  # by resolution


class Assembly:
    """A set in the making under the folder `root`; goes on from what lies there of the same request.

    encodings: by resolution, ascending. DataError if another request was begun there.
    """

    def __init__(self, root: Path, request: Identity, encodings: dict[int, str], shard_bytes: int) -> None:
        self.root = root
        self.state = state = _read_state(root, request)
        files = {name: Appended(root / name, state.lengths.get(name, 0)) for name in _FILES}
        self._samples, self._rejects, self._labels, self._digests = (files[name] for name in _FILES)
        self._files = files
        self._tars = [
            TarSet(root, size, encoding, shard_bytes, state.tars.get(size, TarState()))
            for size, encoding in encodings.items()
        ]
        self._seen = Seen(_digests(self._digests.path))
        self._is_torn = False  # whether an item is written in part
        self._saved = time.monotonic()

    def add(self, items: Iterable[Sample | Reject], labelled: bool, keep_duplicates: bool) -> None:
        """The next entries of the source."""
        for item in items:
            self._is_torn = True
            if isinstance(item, Sample) and not self._seen.add(item.content, self.state.count) and not keep_duplicates:
                item = Reject(item.entry, item.name, "", item.content)
            if isinstance(item, Sample):
                self._add_sample(item, labelled)
            else:
                self._add_reject(item)
            self.state.done += 1
            self._is_torn = False
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Make all that was added survive a kill; nothing, where a signal stopped this in the middle of an item."""
        if self._is_torn:
            return
        for part in self._parts():
            part.sync()
        self.state.lengths = {name: file.length for name, file in self._files.items()}
        self.state.tars = {tar.resolution: tar.state for tar in self._tars}
        write_json(self.root / STATE, self.state.model_dump(mode="json"))
        self._saved = time.monotonic()

    def close(self) -> None:
        """Let go of the files; what was not saved is cut off when the work is taken up again."""
        for part in self._parts():
            part.close()
        self._seen.close()

    def finish(self, source: Source, part: str | None) -> Contents:
        """Complete every file but the manifest. DataError for a whole set with a class without a picture."""
        state = self.state
        if not state.count:
            raise DataError(f"{source.path}: no usable picture; the first: {state.first_reject}")
        for number, name in enumerate(source.classes):
            if part is None and not state.tallies.get(number):
                raise DataError(f"{source.path}: class {name!r} has no picture; raise --limit or choose another label")
        self.save()
        for file in self._files.values():
            file.close()
        self._seen.close()
        shape = (state.count, len(source.classes)) if source.multilabel else (state.count,)
        return Contents(
            source=source.path,
            request=state.request,
            part=part,
            count=state.count,
            rejects=state.rejects,
            classes=source.classes,
            multilabel=source.multilabel,
            class_counts=tuple(state.tallies.get(number, 0) for number in range(len(source.classes))),
            labels_sha256=save_rows(self._labels.path, self.root / LABELS, shape),
            resolutions={tar.resolution: tar.finish() for tar in self._tars},
        )

    def _parts(self) -> list[Appended | TarSet]:
        return [*self._files.values(), *self._tars]

    def _add_sample(self, sample: Sample, labelled: bool) -> None:
        number = self.state.count
        for tar, (data, checksum) in zip(self._tars, sample.encoded, strict=True):
            tar.add(number, data, checksum, sample.label if labelled else None)
        self._samples.write(_line({"entry": sample.entry, "name": sample.name, "content": sample.content}))
        self._labels.write(np.array(sample.label, "<i8").tobytes())
        self._digests.write(bytes.fromhex(sample.content))
        for class_ in _classes(sample.label):
            self.state.tallies[class_] = self.state.tallies.get(class_, 0) + 1
        self.state.count += 1

    def _add_reject(self, reject: Reject) -> None:
        reason, facts = reject.reason, {"entry": reject.entry, "name": reject.name}
        if reject.content is not None:
            first = self._seen.first(reject.content)
            assert first is not None  # merging: a part's duplicates lie behind the sample they repeat
            reason = f"{DUPLICATE} of sample {key(first)}"
            facts["content"] = reject.content
        self._rejects.write(_line(facts | {"reason": reason}))
        self.state.rejects += 1
        self.state.first_reject = self.state.first_reject or f"{reject.name}: {reason}"


_FILES = (SAMPLES, REJECTS, _LABEL_ROWS, _DIGEST_ROWS)


def reason_kind(reason: str) -> str:
    """What a reject's reason has in common with others of its kind."""
    return DUPLICATE if reason.startswith(DUPLICATE) else reason.split(":")[0]


def clear(root: Path) -> None:
    """Remove what only a set in the making needs; call it when the manifest is written."""
    (root / STATE).unlink(missing_ok=True)
    for path in root.rglob(f"*{ROWS}"):
        path.unlink()


def _read_state(root: Path, request: Identity) -> State:
    path = root / STATE
    if not path.exists():
        return State(request=request)
    try:
        state = State.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DataError(f"{path}: damaged; delete {root} and prepare again") from error
    require_same_request(root, state.request, request)
    return state


def require_same_request(where: Path, found: Identity, wanted: Identity) -> None:
    """DataError naming the first difference."""
    for name in wanted | found:
        if found.get(name) != wanted.get(name):
            raise DataError(
                f"{where}: already holds a set made with {name} {found.get(name)}, not {wanted.get(name)}; "
                "give another --out or delete it"
            )


def _digests(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        while digest := file.read(_DIGEST):
            yield digest.hex()


def _classes(label: Label) -> list[int]:
    """The classes a sample counts for."""
    if isinstance(label, tuple):
        return [number for number, holds in enumerate(label) if holds == 1]
    return [label] if label >= 0 else []


def _line(facts: dict[str, object]) -> bytes:
    return json.dumps(facts).encode() + b"\n"
