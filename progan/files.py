"""Small files of text: written so that a reader never sees half of one, whatever kills the writer; read so that a
damaged one is named in one line."""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from progan.types import DataError

T = TypeVar("T")


def require_writable(path: Path) -> None:
    """Before long work: DataError where its result could not be written to `path`; makes the folder."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(f"{path.parent}: cannot be written to ({error.strerror}); choose another place") from None


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed onto `path`, on failure removed.

    OSError names `path` where it would name no file, as that of a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A process number alone is not a name: each container has a first process, and nodes share folders.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with _named(path, temporary):
            temporary.touch()
            usual = temporary.stat().st_mode
            yield temporary
            temporary.chmod(usual)  # some libraries make files that nobody else may read
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """An OSError inside names `path` where it would name `temporary`, or no file at all, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):  # else it has a text of its own
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def append_jsonl(path: Path, record: dict[str, Any]) -> None:
    """Append one line with a single write; a line that a killed writer left broken is dropped first.

    Several processes may append to one file, and one may rewrite it meanwhile.
    """
    line = json.dumps(record, allow_nan=False) + "\n"
    with _named(path), _held(path) as file:
        file.seek(0)
        lines = file.read()
        file.truncate(lines.rfind(b"\n") + 1)
        file.write(line.encode())


def keep_jsonl(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Drop the lines that are not wanted."""
    with _held(path):
        kept = filter(wanted, read_jsonl(path))
        write_text(path, "".join(json.dumps(record, allow_nan=False) + "\n" for record in kept))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """All complete lines; a last line broken by a killed writer is left out. An absent file is an empty list.

    DataError names the line that is no record.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [_mapping(line, f"{path}: line {number}") for number, line in enumerate(lines[:-1], 1) if line]


def read_json(path: Path) -> dict[str, Any]:
    """DataError where it is no mapping."""
    return _mapping(path.read_bytes(), str(path))


def validated(path: Path, kind: type[T], value: Any) -> T:
    """What was read from `path`, as it should be. DataError names the first place where it is not."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if isinstance(value, list):
            place = f"record {place} (counted from 0)"
        raise DataError(f"{path}: {place}: {first['msg']}; restore it or take it away") from error


def parse_json(text: str | bytes) -> Any:
    """ValueError for what is no JSON, also where it is nested without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _mapping(text: bytes, place: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError as error:
        raise DataError(f"{place}: broken ({error}); restore it or take it away") from None
    if not isinstance(found, dict):
        raise DataError(f"{place}: holds {type(found).__name__}, not a record; restore it or take it away")
    return found


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, created if need be, for this process alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # While this one waited, another may have put a new file in its place.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
