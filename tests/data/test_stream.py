import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from remote_sets import altered, cut_in_the_middle, pixels, serving, unavailable, write_set

from progan.data.manifest import Manifest
from progan.data.remote import transport
from progan.data.remote.place import CachedPlace
from progan.data.streaming import visits
from progan.data.streaming.lanes import Lane, lane_count, spans
from progan.data.streaming.reader import StreamReader
from progan.types import ConfigError, DataError

# Uneven shards: 19 of them in eight lanes of 2 or 3 shards and of 12 to 31 samples.
COUNTS = [9, 4, 11, 7, 3, 8, 12, 5, 10, 6, 9, 2, 8, 8, 5, 7, 12, 4, 6]
TOTAL = sum(COUNTS)
BATCH = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("stream") / "set", COUNTS, {4: "raw", 8: "png"})


@pytest.fixture
def manifest(files: Path) -> Manifest:
    return Manifest.load(files)


def raised(problem: DataError) -> None:
    raise problem


def streamed(
    manifest: Manifest, seed: int, lanes: int = 8, on_problem: Callable[[DataError], None] = raised
) -> StreamReader:
    return StreamReader(manifest, seed, lanes, on_problem, threads=1)


def rows(reader: StreamReader, start: int, stop: int, batch: int = BATCH, resolution: int = 4) -> NDArray[np.int64]:
    """The sample numbers of batches from one position to another."""
    return np.concatenate([reader.batch(resolution, at, batch)[1] for at in range(start, stop, batch)])


def by_lane(numbers: NDArray[np.int64], batch: int = BATCH, lanes: int = 8) -> NDArray[np.int64]:
    """(lanes, places) of the rows of many batches."""
    return numbers.reshape(-1, lanes, batch // lanes).transpose(1, 0, 2).reshape(lanes, -1)


@pytest.mark.parametrize("resolution", [4, 8])
def test_a_sample_comes_with_its_number(manifest: Manifest, resolution: int) -> None:
    images, numbers = streamed(manifest, 1).batch(resolution, 32, BATCH)
    assert images.shape == (BATCH, resolution, resolution, 3)
    assert (images.dtype, numbers.dtype) == (np.uint8, np.int64)
    assert all(np.array_equal(image, pixels(number, resolution)) for image, number in zip(images, numbers, strict=True))


def test_each_lane_repeats_and_skips_nothing_within_its_epochs(manifest: Manifest) -> None:
    members = spans(manifest.shards(4))
    lanes = by_lane(rows(streamed(manifest, 1), 0, 8 * 96))
    for number, lane in enumerate(lanes):
        own = [row for span in members[number::8] for row in range(span.first, span.first + span.count)]
        epochs = [lane[start : start + len(own)].tolist() for start in range(0, 96 - len(own) + 1, len(own))]
        assert len(epochs) >= 3
        assert all(sorted(epoch) == own for epoch in epochs)
        assert len(set(map(tuple, epochs))) == len(epochs)
    assert len(set(lanes.flatten().tolist())) == TOTAL


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_the_ranks_together_see_the_same_batches_at_any_world_size(manifest: Manifest, world: int) -> None:
    readers, share = [streamed(manifest, 3) for _ in range(world)], BATCH // world
    whole = streamed(manifest, 3)
    for position in range(0, 10 * BATCH, BATCH):
        images, numbers = whole.batch(8, position, BATCH)
        parts = [
            reader.batch(8, position, BATCH, slice(rank * share, (rank + 1) * share))
            for rank, reader in enumerate(readers)
        ]
        assert np.array_equal(np.concatenate([part[1] for part in parts]), numbers)
        assert np.array_equal(np.concatenate([part[0] for part in parts]), images)


def test_more_ranks_than_lanes_share_a_lane(manifest: Manifest) -> None:
    reader = streamed(manifest, 3, lanes=2)
    _, numbers = reader.batch(4, 6, BATCH)
    parts = [reader.batch(4, 6, BATCH, slice(rank, None, 5))[1] for rank in range(5)]
    assert all(np.array_equal(part, numbers[rank::5]) for rank, part in enumerate(parts))


@pytest.mark.parametrize("position", [16, 160, 16_000_000])
def test_going_on_from_a_position_equals_having_come_there(manifest: Manifest, position: int) -> None:
    start = max(0, position - 10 * BATCH)
    running = rows(streamed(manifest, 1), start, position + 3 * BATCH)
    resumed = rows(streamed(manifest, 1), position, position + 3 * BATCH)
    assert np.array_equal(running[position - start :], resumed)


def test_another_batch_size_keeps_the_place_of_every_lane(manifest: Manifest) -> None:
    whole = by_lane(rows(streamed(manifest, 1), 0, 480))
    reader = streamed(manifest, 1)
    pieces = [by_lane(rows(reader, 0, 96, 32), 32), by_lane(rows(reader, 96, 160, 8), 8)]
    pieces.append(by_lane(rows(reader, 160, 480, 40), 40))
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


def test_the_order_depends_on_the_seed_and_not_on_the_process(manifest: Manifest) -> None:
    script = (
        "import sys; from pathlib import Path; from progan.data.manifest import Manifest; "
        "from progan.data.streaming.reader import StreamReader; "
        "print(StreamReader(Manifest.load(Path(sys.argv[1])), 1, 8, print, 1).batch(4, 640, 32)[1].tolist())"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", script, str(manifest.root)]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    here = streamed(manifest, 1).batch(4, 640, 32)[1].tolist()
    assert other.strip() == str(here)
    assert streamed(manifest, 2).batch(4, 640, 32)[1].tolist() != here


def test_lanes_that_do_not_divide_a_batch_are_named(manifest: Manifest) -> None:
    reader = streamed(manifest, 1)
    with pytest.raises(ConfigError, match=r"^data\.lanes: a batch of 4 images at 8 px .* 8 lanes; set it to 4"):
        reader.require(8, 4)
    with pytest.raises(ConfigError, match=r"^data\.lanes: a position of 12 images at 8 px .* 8 lanes; set it to 4"):
        reader.batch(8, 12, 16)
    streamed(manifest, 1, lanes=4).batch(8, 12, 4)


@pytest.mark.parametrize(("lanes", "shards", "count"), [(8, 19, 8), (8, 7, 4), (8, 1, 1), (6, 19, 4), (1, 19, 1)])
def test_the_lanes_are_a_power_of_two_and_no_more_than_the_shards(lanes: int, shards: int, count: int) -> None:
    assert lane_count(lanes, shards) == count


@pytest.mark.parametrize("size", [1, 7, 40])
def test_metrics_see_every_image_once_in_a_fixed_order(manifest: Manifest, size: int) -> None:
    reader = streamed(manifest, 1)
    parts = [reader.numbered_images(8, start, min(size, TOTAL - start))[0] for start in range(0, TOTAL, size)]
    images = np.concatenate(parts)
    numbers = images[:, 0, 0, 2]
    assert sorted(numbers.tolist()) == list(range(TOTAL))
    assert numbers.tolist() != list(range(TOTAL))
    assert np.array_equal(streamed(manifest, 2, lanes=4).numbered_images(8, 50, 20)[0], images[50:70])
    with pytest.raises(DataError, match=f"of a set of {TOTAL}; ask fewer"):
        reader.numbered_images(8, TOTAL - 1, 2)


def test_only_the_shards_of_a_position_and_those_after_them_are_read(files: Path, tmp_path: Path) -> None:
    with serving(files.parent) as server:
        manifest = Manifest.load(CachedPlace(f"{server.url}/set", tmp_path, 2**20))
        reader = streamed(manifest, 1)
        reader.batch(8, 1600, BATCH, slice(0, 4))  # of two lanes
        reader.close()
        touched = {path for path, _ in server.requests if path.endswith(".tar")}
    names = {f"set/{shard.name}": number % 8 for number, shard in enumerate(manifest.shards(8))}
    assert {names[path] for path in touched} == {0, 1}
    assert len(touched) <= 4
    assert not list(tmp_path.iterdir())  # nothing is cached


@pytest.mark.parametrize("ranges", [True, False])
def test_a_stream_from_the_network_is_the_stream_from_the_disk(
    files: Path, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    monkeypatch.setattr(transport, "SHARD_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(transport, "RANGE_BYTES", 5000)
    with serving(files.parent, ranges) as server:
        faults = [unavailable, cut_in_the_middle, altered]
        for shard in manifest.shards(8):
            server.faults[f"set/{shard.name}"] = faults[:1] if shard.count % 2 else faults[1:]
        reader = streamed(Manifest.load(CachedPlace(f"{server.url}/set", tmp_path, 2**20)), 1)
        local = streamed(manifest, 1)
        for position in range(0, 160, BATCH):
            for one, other in zip(reader.batch(8, position, BATCH), local.batch(8, position, BATCH), strict=True):
                assert np.array_equal(one, other)
        reader.close()


def test_at_most_two_shards_of_a_lane_are_held(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = visits._Reading
    alive: Counter[str] = Counter()
    most = 0

    def settle(count: int) -> None:
        """A thread lets go of what it has read a moment after it hands it over."""
        deadline = time.monotonic() + 2
        while alive["shards"] > count and time.monotonic() < deadline:
            time.sleep(0.001)

    class Counted(reading):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: object) -> None:
            nonlocal most
            settle(1)
            alive["shards"] += 1
            most = max(most, alive["shards"])
            super().__init__(*arguments)

        def __del__(self) -> None:
            alive["shards"] -= 1

    monkeypatch.setattr(visits, "_Reading", Counted)
    reader = streamed(manifest, 1, lanes=1)
    rows(reader, 0, 2 * TOTAL, 10)
    assert most == 2
    reader.close()
    settle(0)
    assert alive["shards"] == 0


def test_a_lane_of_one_shard_reads_it_once(files: Path, tmp_path: Path) -> None:
    with serving(files.parent) as server:
        manifest = Manifest.load(CachedPlace(f"{server.url}/set", tmp_path, 2**20))
        reader = streamed(manifest, 1, lanes=16)
        for position in range(0, 320, 16):
            reader.batch(4, position, 16, slice(15, 16))
        assert [path for path, _ in server.requests if path.endswith(".tar")] == [f"set/{manifest.shards(4)[15].name}"]


@pytest.fixture
def copied(files: Path, tmp_path: Path) -> Manifest:
    """The set, to be damaged."""
    return Manifest.load(shutil.copytree(files, tmp_path / "copy"))


def damage(manifest: Manifest, number: int, kind: str) -> str:
    """Spoil a shard at 4 px; its path."""
    path = manifest.root / manifest.shards(4)[number].name
    data = bytearray(path.read_bytes())
    if kind == "removed":
        path.unlink()
        return str(path)
    if kind == "truncated":
        del data[len(data) // 2 :]
    elif kind == "altered":
        data[600] ^= 1
    elif kind == "compressed":
        data[:3] = b"\x1f\x8b\x08"
    elif kind == "renamed":
        data[0:1] = b"9"
    path.write_bytes(bytes(data))
    return str(path)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("removed", "cannot be read"),
        ("truncated", r"truncated: \d+ bytes of \d+"),
        ("altered", "altered since it was written"),
        ("compressed", "altered since it was written"),
        ("renamed", "altered since it was written"),
    ],
)
def test_no_part_of_a_spoilt_shard_is_used(copied: Manifest, kind: str, reason: str) -> None:
    path = damage(copied, 5, kind)
    reader = streamed(copied, 1)
    with pytest.raises(DataError, match=rf"^{path}: {reason}") as caught:
        rows(reader, 0, 320)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=rf"^{path}: {reason}"):
        reader.numbered_images(4, 0, TOTAL)


def test_a_shard_that_is_no_tar_of_the_manifests_samples_is_refused(files: Path, tmp_path: Path) -> None:
    wrong = write_set(tmp_path / "wrong", [3, 3], {4: "raw"})
    manifest = Manifest.load(wrong)
    resolutions = {4: manifest.files(4).model_copy(update={"shards": manifest.shards(4)[::-1]})}
    swapped = Manifest(manifest.place, manifest.contents.model_copy(update={"resolutions": resolutions}))
    with pytest.raises(DataError, match=r"cannot be unpacked \(does not begin with sample 0000000"):
        streamed(swapped, 1).batch(4, 0, 2)


def test_a_skipped_shard_is_told_once_a_visit_and_its_lane_goes_on(copied: Manifest) -> None:
    path = damage(copied, 5, "truncated")
    problems: list[DataError] = []
    skipping = streamed(copied, 1, on_problem=problems.append)
    found = rows(skipping, 0, 8 * 96)
    lane = Lane(1, "stream/4/lane 5", spans(copied.shards(4))[5::8])
    places = [lane.span(lane.locate(place)[0]).shard for place in range(96)]
    visited = sum(one == 5 and other != 5 for one, other in zip(places, [-1, *places], strict=False))
    assert len(problems) == visited
    assert all(str(problem).startswith(path) for problem in problems)
    assert all(problem.__traceback__ is None for problem in problems)  # which would hold what was read of the shard
    expected = rows(streamed(Manifest(copied.place, copied.contents), 1, on_problem=lambda _: None), 0, 8 * 96)
    assert np.array_equal(found, expected)
    span = spans(copied.shards(4))[5]
    assert not any(span.first <= row < span.first + span.count for row in found)


def test_skipping_leaves_all_other_samples_where_they_were(copied: Manifest, manifest: Manifest) -> None:
    damage(copied, 5, "altered")
    span = spans(manifest.shards(4))[5]
    usual = rows(streamed(manifest, 1), 0, 480)
    skipping = rows(streamed(copied, 1, on_problem=lambda _: None), 0, 480)
    good = (usual < span.first) | (usual >= span.first + span.count)
    assert np.array_equal(usual[good], skipping[good])


def test_a_lane_without_a_readable_shard_ends_even_where_problems_are_skipped(copied: Manifest) -> None:
    for number in (5, 13):
        path = damage(copied, number, "removed")
    with pytest.raises(DataError, match=rf"{path[:-10]}\d+\.tar: cannot be read"):
        rows(streamed(copied, 1, on_problem=lambda _: None), 0, 64)


def test_threads_may_share_a_reader(manifest: Manifest) -> None:
    reader, alone = streamed(manifest, 1), streamed(manifest, 1)
    expected = [alone.batch(4, position, BATCH)[1].tolist() for position in range(0, 320, BATCH)]
    found: dict[int, list[int]] = {}

    def read(first: int) -> None:
        for position in range(first * BATCH, 320, 2 * BATCH):
            found[position // BATCH] = reader.batch(4, position, BATCH)[1].tolist()
            reader.numbered_images(8, position % 100, 3)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(20)] == expected
