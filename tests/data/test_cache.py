import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace

import pytest

from progan.data.place import Stopped
from progan.data.remote.cache import ShardCache, Wanted
from progan.types import ConfigError, DataError

SIZE = 1000


class Origin:
    """A shard of SIZE bytes somewhere else, sent in pieces of 100 bytes; it remembers from where it was asked."""

    def __init__(self, number: int, ranges: bool = True) -> None:
        self.data = bytes([number]) * SIZE
        self.asked: list[int] = []
        self.sent = 0
        self.ranges = ranges
        self.stop_at: int | None = None  # where the download breaks, once
        self.bad = 0  # how many more downloads are altered
        self.gate: threading.Event | None = None  # waited for after the first piece

    @property
    def wanted(self) -> Wanted:
        return Wanted(f"shard {self.data[0]}", SIZE, hashlib.sha256(self.data).hexdigest(), self.chunks)

    def chunks(self, start: int) -> Iterator[tuple[int, bytes]]:
        self.asked.append(start)
        altered, self.bad = self.bad > 0, max(0, self.bad - 1)
        for offset in range(start if self.ranges else 0, SIZE, 100):
            if offset == self.stop_at:
                self.stop_at = None
                raise DataError("the line went dead")
            self.sent += 100
            yield offset, bytes(100) if altered else self.data[offset : offset + 100]
            if self.gate and offset == start:
                assert self.gate.wait(10)


def held(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("??/*"))


def names(root: Path) -> set[str]:
    return {path.name[:64] for path in root.glob("??/*.tar")}


def test_a_shard_is_downloaded_once_and_named_by_its_hash(tmp_path: Path) -> None:
    cache, origin = ShardCache(tmp_path, 10 * SIZE), Origin(1)
    path = cache.fetch(origin.wanted)
    assert path.read_bytes() == origin.data
    assert path.name == f"{origin.wanted.sha256}.tar"
    assert ShardCache(tmp_path, 10 * SIZE).fetch(origin.wanted) == path
    assert origin.asked == [0]


@pytest.mark.parametrize(("ranges", "sent"), [(True, SIZE), (False, SIZE + 600)])
def test_a_broken_download_goes_on_where_it_was_if_the_server_can(tmp_path: Path, ranges: bool, sent: int) -> None:
    origin = Origin(1, ranges)
    origin.stop_at = 600
    with pytest.raises(DataError, match="line went dead"):
        ShardCache(tmp_path, 10 * SIZE).fetch(origin.wanted)
    assert ShardCache(tmp_path, 10 * SIZE).fetch(origin.wanted).read_bytes() == origin.data
    assert origin.asked == [0, 600]
    assert origin.sent == sent


def test_a_part_that_was_damaged_on_the_disk_is_downloaded_anew(tmp_path: Path) -> None:
    cache, origin = ShardCache(tmp_path, 10 * SIZE), Origin(1)
    origin.stop_at = 600
    with pytest.raises(DataError):
        cache.fetch(origin.wanted)
    (part,) = tmp_path.glob("??/*.part")
    part.write_bytes(b"x" * 600)
    assert cache.fetch(origin.wanted).read_bytes() == origin.data
    assert origin.asked == [0, 600, 0]


def test_altered_bytes_are_given_one_more_try(tmp_path: Path) -> None:
    cache, origin = ShardCache(tmp_path, 10 * SIZE), Origin(1)
    origin.bad = 1
    assert cache.fetch(origin.wanted).read_bytes() == origin.data
    other = Origin(2)
    other.bad = 2
    with pytest.raises(DataError, match=f"shard 2: sha256 is [0-9a-f]+, the manifest says {other.wanted.sha256}"):
        cache.fetch(other.wanted)
    assert names(tmp_path) == {origin.wanted.sha256}
    assert held(tmp_path) == SIZE


def test_a_shard_of_another_length_than_the_manifest_says_is_replaced(tmp_path: Path) -> None:
    cache, origin = ShardCache(tmp_path, 10 * SIZE), Origin(1)
    cache.fetch(origin.wanted).write_bytes(b"short")
    assert cache.fetch(origin.wanted).read_bytes() == origin.data


def test_a_forgotten_shard_is_downloaded_again(tmp_path: Path) -> None:
    cache, origin = ShardCache(tmp_path, 10 * SIZE), Origin(1)
    cache.fetch(origin.wanted)
    cache.forget(origin.wanted.sha256)
    cache.forget(origin.wanted.sha256)
    cache.fetch(origin.wanted)
    assert origin.asked == [0, 0]


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    cache, origins = ShardCache(tmp_path, 3 * SIZE), [Origin(number) for number in range(5)]
    for age, origin in zip((50, 40, 30), origins, strict=False):
        path = cache.fetch(origin.wanted)
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    cache.fetch(origins[0].wanted)  # used again
    for origin in origins[3:]:
        cache.fetch(origin.wanted)
        assert held(tmp_path) <= 3 * SIZE
    assert names(tmp_path) == {origins[number].wanted.sha256 for number in (0, 3, 4)}


def test_a_file_that_is_open_outlives_its_removal(tmp_path: Path) -> None:
    cache, one, other = ShardCache(tmp_path, SIZE), Origin(1), Origin(2)
    with cache.fetch(one.wanted).open("rb") as file:
        cache.fetch(other.wanted)
        assert names(tmp_path) == {other.wanted.sha256}
        assert file.read() == one.data


def test_an_abandoned_download_makes_room_too(tmp_path: Path) -> None:
    cache, one, other = ShardCache(tmp_path, SIZE), Origin(1), Origin(2)
    one.stop_at = 600
    with pytest.raises(DataError):
        cache.fetch(one.wanted)
    cache.fetch(other.wanted)
    assert held(tmp_path) == SIZE


def test_what_another_is_downloading_is_waited_for_and_never_removed(tmp_path: Path) -> None:
    cache, one, other = ShardCache(tmp_path, SIZE), Origin(1), Origin(2)
    one.gate = threading.Event()
    first = threading.Thread(target=cache.fetch, args=(one.wanted,))
    first.start()
    while not one.sent:
        pass
    stop = threading.Event()
    stop.set()
    for origin in (one, other):  # both would have to wait: for the shard, for the room
        with pytest.raises(Stopped):
            cache.fetch(origin.wanted, stop)
    rest = [threading.Thread(target=cache.fetch, args=(origin.wanted,)) for origin in (one, other)]
    for thread in rest:
        thread.start()
    one.gate.set()
    for thread in (first, *rest):
        thread.join(10)
    assert (one.asked, other.asked) in (
        ([0], [0]),
        ([0, 0], [0]),
    )  # where there is room for one, the other may go first
    assert held(tmp_path) == SIZE


def test_many_threads_download_a_shard_once_and_stay_within_the_limit(tmp_path: Path) -> None:
    cache, origins = ShardCache(tmp_path, 8 * SIZE), [Origin(number) for number in range(4)]
    threads = [threading.Thread(target=cache.fetch, args=(origin.wanted,)) for origin in origins for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [origin.asked for origin in origins] == [[0]] * 4
    assert held(tmp_path) == 4 * SIZE


def test_a_stopped_download_keeps_what_it_has(tmp_path: Path) -> None:
    cache, origin, stop = ShardCache(tmp_path, SIZE), Origin(1), threading.Event()
    pieces = origin.chunks(0)

    def stopping(start: int) -> Iterator[tuple[int, bytes]]:
        yield next(pieces)
        yield next(pieces)
        stop.set()
        yield next(pieces)

    facts = origin.wanted
    with pytest.raises(Stopped):
        cache.fetch(Wanted(facts.name, facts.size, facts.sha256, stopping), stop)
    cache.fetch(facts)
    assert origin.asked == [0, 200]


def test_limits_that_are_too_small_name_the_setting(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, SIZE - 1)
    with pytest.raises(ConfigError, match=r"data\.cache_gb: .* cannot hold shard 1 .*; raise it or set data\.stream"):
        cache.fetch(Origin(1).wanted)
    with pytest.raises(ConfigError, match=r"data\.cache_gb: .* one resolution; raise it or set data\.stream: true"):
        cache.require_room(SIZE)
    cache.require_room(SIZE - 1)


def test_a_full_disk_is_one_line_and_is_not_left_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, origin = ShardCache(tmp_path, SIZE), Origin(1)

    def full(start: int) -> Iterator[tuple[int, bytes]]:
        yield 0, origin.data[:500]
        raise OSError(ENOSPC, "no space")  # as writing the next piece would

    facts = origin.wanted
    with pytest.raises(DataError, match=r"no space left; free some or set data\.cache"):
        cache.fetch(Wanted(facts.name, facts.size, facts.sha256, full))
    assert held(tmp_path) == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=SIZE - 1))
    with pytest.raises(DataError, match=r"GiB free, shard 1 needs .* GiB; free some or set data\.cache"):
        cache.fetch(facts)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match=r"data\.cache: .*file cannot be used \(.+\); choose a folder"):
        ShardCache(tmp_path / "file", SIZE).fetch(Origin(1).wanted)


@pytest.mark.parametrize("sha256", ["../../outside", "A" * 64, "0" * 63])
def test_a_hash_that_is_none_does_not_become_a_path(tmp_path: Path, sha256: str) -> None:
    origin = Origin(1)
    with pytest.raises(DataError, match="is not a sha256"):
        ShardCache(tmp_path / "cache", SIZE).fetch(Wanted("x", SIZE, sha256, origin.chunks))
    assert not origin.asked
    assert not list(tmp_path.iterdir())
