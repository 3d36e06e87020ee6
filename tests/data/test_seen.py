"""What `prepare` keeps beside pictures: neither duplicates' digests nor indexes nor entries grow in memory."""

import io
import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from progan.data.preparing import seen
from progan.data.preparing.seen import Seen
from progan.data.preparing.tars import save_rows
from progan.data.sources.base import Entry, Numbered


def test_the_first_sample_with_a_digest_is_remembered() -> None:
    draw = random.Random(0)
    digests = [
        f"{draw.randrange(256) * 2**56 + draw.randrange(2):016x}" for _ in range(2000)
    ]  # both halves of the signed range
    before, after = digests[:900], digests[900:]
    found = Seen(before)
    for number, digest in enumerate(after, start=900):
        assert found.add(digest, number) == (digest not in digests[:number])
    for digest in set(digests):
        assert found.first(digest) == digests.index(digest)
    assert found.first("0123456789abcdef") is None
    found.close()


def test_a_full_folder_for_temporary_files_is_an_error_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def execute(self, *arguments: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    found = Seen([])
    monkeypatch.setattr(found, "_table", Full())
    with pytest.raises(OSError, match="TMPDIR"):
        found.add("00" * 8, 0)
    assert seen._integer("ff" * 8) == -1


@pytest.mark.parametrize("shape", [(7, 4), (28,), (0, 4), (14, 2)])
def test_rows_become_the_file_that_numpy_writes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) - 3
    (tmp_path / "rows").write_bytes(values.tobytes())
    save_rows(tmp_path / "rows", tmp_path / "array.npy", shape)
    buffer = io.BytesIO()
    np.save(buffer, values)
    assert (tmp_path / "array.npy").read_bytes() == buffer.getvalue()


def test_numbered_entries_are_a_sequence() -> None:
    entries = Numbered(range(1000))
    assert len(entries) == 1000
    assert (entries[0], entries[-1]) == (Entry("0"), Entry("999"))
    assert list(entries[5:8]) == [Entry("5"), Entry("6"), Entry("7")]
    assert len(entries[:None]) == 1000
    with pytest.raises(IndexError):
        entries[1000]
