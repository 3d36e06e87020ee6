"""Which sample first had a content, for finding duplicates."""

import errno
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Seen:
    """Digest -> number of the first sample that has it. Kept in a temporary file: memory does not grow with a set.

    Digests are 16 hexadecimal digits.
    """

    def __init__(self, digests: Iterable[str]) -> None:
        """digests: of samples 0, 1, ... OSError, as from the other calls, where the folder for such files is full."""
        self._table = sqlite3.connect("", isolation_level=None)  # "": a private file that goes with the connection
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("CREATE TABLE seen (digest INTEGER PRIMARY KEY, number INTEGER)")
        self._table.execute("BEGIN")  # never committed: what is lost with the process is read from the set again
        with _room():
            self._table.executemany(_ADD, ((_integer(digest), number) for number, digest in enumerate(digests)))

    def first(self, digest: str) -> int | None:
        with _room():
            row = self._table.execute("SELECT number FROM seen WHERE digest = ?", (_integer(digest),)).fetchone()
        return None if row is None else int(row[0])

    def add(self, digest: str, number: int) -> bool:
        """Whether it is new: of an earlier sample that has it, the number stays."""
        with _room():
            return self._table.execute(_ADD, (_integer(digest), number)).rowcount == 1

    def close(self) -> None:
        self._table.close()


_ADD = "INSERT OR IGNORE INTO seen VALUES (?, ?)"


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        reason = f"{error}; TMPDIR names another folder"
        raise OSError(errno.ENOSPC, reason, "the folder for temporary files") from error


def _integer(digest: str) -> int:
    return int.from_bytes(bytes.fromhex(digest), "big", signed=True)
