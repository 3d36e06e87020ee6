"""What a user named as a source, and the files below it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from progan.types import DataError


@dataclass(frozen=True)
class Given:
    """A file or folder on disk."""

    spec: str  # in the user's words
    path: Path

    @cached_property
    def names(self) -> list[str]:
        """Of a folder: the relative path of every file below it. A slow file system is asked once."""
        return list(_below(self.path))


def is_hidden(part: str) -> bool:
    """Of a file's or folder's name; the copies that macOS adds beside files are hidden too."""
    return (part.startswith(".") and part != ".") or part == "__MACOSX"


def _below(root: Path) -> Iterator[str]:
    """Through links to folders too, but into no folder twice; nothing hidden."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        prefix = Path(folder).relative_to(root).as_posix()
        yield from (name if prefix == "." else f"{prefix}/{name}" for name in names if not is_hidden(name))


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); what lies in it would be missing")
