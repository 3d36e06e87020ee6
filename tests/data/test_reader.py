import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import FAULTS, damage, first_of
from PIL import Image

from progan.data.manifest import Manifest
from progan.data.place import LocalPlace, Stopped
from progan.data.reading import opened
from progan.data.reading.reader import Reader, UnreadableSample
from progan.data.remote.place import CachedPlace

ALL = np.arange(10)


@pytest.fixture(params=["labelled_set", "coded_set"])
def manifest(request: pytest.FixtureRequest) -> Manifest:
    found: Manifest = request.getfixturevalue(request.param)
    return found


def stored(manifest: Manifest, resolution: int) -> np.ndarray:
    """All samples in order, by the index alone."""
    images = []
    for number, offset, size, _ in manifest.read_index(resolution).tolist():
        data = (manifest.root / manifest.shards(resolution)[number].name).read_bytes()[offset : offset + size]
        raw = data.startswith(b"\x93NUMPY")
        images.append(np.load(io.BytesIO(data)) if raw else np.asarray(Image.open(io.BytesIO(data))))
    return np.stack(images)


@pytest.mark.parametrize("resolution", [4, 8, 16])
@pytest.mark.parametrize("threads", [1, 3])
def test_any_rows_are_read_in_their_order(manifest: Manifest, resolution: int, threads: int) -> None:
    reader, images = Reader(manifest, resolution, threads), stored(manifest, resolution)
    for rows in ([7], [9, 0, 3, 3, 8], [], list(range(10)) * 9):
        assert np.array_equal(reader.begin(np.array(rows, np.int64)).result().numpy(), images[rows])
    reader.close()


def test_batches_begun_together_do_not_disturb_one_another(manifest: Manifest) -> None:
    reader, images = Reader(manifest, 16, threads=4), stored(manifest, 16)
    orders = [np.random.default_rng(seed).permutation(10) for seed in range(20)]
    begun = [reader.begin(rows) for rows in orders]
    begun[3].cancel()
    for number, (rows, reading) in enumerate(zip(orders, begun, strict=True)):
        if number != 3:
            assert np.array_equal(reading.result().numpy(), images[rows])
    reader.close()


def test_more_shards_than_may_be_open_at_once_are_read(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "_LIMIT", 1)
    before = len(os.listdir("/proc/self/fd"))
    reader = Reader(manifest, 16, threads=4)
    for _ in range(5):
        assert np.array_equal(reader.begin(ALL).result().numpy(), stored(manifest, 16))
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("how", "reason"), FAULTS)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_bad_shard_is_named_with_the_sample(manifest: Manifest, how: str, reason: str, is_open: bool) -> None:
    reader = Reader(manifest, 16, threads=2)
    if is_open:
        reader.begin(ALL).result()
    name, first = damage(manifest, 1, how), first_of(manifest, 1)
    with pytest.raises(UnreadableSample, match=f"{name}: sample {first:08d}: .*{reason}.*; copy the shard") as caught:
        reader.begin(np.array([first])).result()
    assert caught.value.row == first
    reader.begin(np.array([first - 1])).result()  # of the shard before it
    reader.close()


def test_a_shard_put_back_is_read_again(manifest: Manifest) -> None:
    reader = Reader(manifest, 16)
    shard = manifest.root / manifest.shards(16)[0].name
    data = shard.read_bytes()
    damage(manifest, 0, "gone")
    with pytest.raises(UnreadableSample):
        reader.begin(ALL).result()
    shard.write_bytes(data)
    assert np.array_equal(reader.begin(ALL).result().numpy(), stored(manifest, 16))
    reader.close()


def remote(manifest: Manifest, folder: Path) -> Manifest:
    return Manifest.load(CachedPlace(f"file://{manifest.root}", folder / "cache", 2**20))


def harm(path: Path, manifest: Manifest, number: int) -> None:
    _, offset, size, _ = manifest.read_index(16)[first_of(manifest, number)].tolist()
    data = bytearray(path.read_bytes())
    data[offset + size - 30] ^= 1
    path.write_bytes(data)


def test_a_copy_damaged_on_the_node_is_downloaded_again(manifest: Manifest, tmp_path: Path) -> None:
    mirrored, shard = remote(manifest, tmp_path), manifest.shards(16)[1]
    harm(mirrored.place.fetch(shard.name, shard.bytes, shard.sha256), manifest, 1)
    reader = Reader(mirrored, 16, threads=3)
    assert np.array_equal(reader.begin(ALL).result().numpy(), stored(manifest, 16))
    reader.close()


def test_a_copy_that_is_damaged_again_is_named(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored = remote(manifest, tmp_path)
    fetch: Callable[..., Path] = mirrored.place.fetch

    def on_a_failing_disk(name: str, *rest: Any) -> Path:
        path = fetch(name, *rest)
        if name == manifest.shards(16)[1].name:
            harm(path, manifest, 1)
        return path

    monkeypatch.setattr(mirrored.place, "fetch", on_a_failing_disk)
    reader = Reader(mirrored, 16)
    with pytest.raises(UnreadableSample, match=f"sample {first_of(manifest, 1):08d}: altered"):
        reader.begin(ALL).result()
    reader.close()


def test_copies_evicted_while_they_are_read_do_no_harm(manifest: Manifest, tmp_path: Path) -> None:
    mirrored = remote(manifest, tmp_path)
    reader = Reader(mirrored, 16)
    for _ in range(2):
        assert np.array_equal(reader.begin(ALL).result().numpy(), stored(manifest, 16))
        for copy in (tmp_path / "cache").rglob("*.tar"):
            copy.unlink()
    reader.close()


def test_a_reader_is_closed_while_a_shard_is_downloaded(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = threading.Event()

    def endless(place: object, name: str, size: int, sha256: str, stop: threading.Event) -> Path:
        entered.set()
        assert stop.wait(60)
        raise Stopped

    monkeypatch.setattr(LocalPlace, "fetch", endless)
    reader = Reader(manifest, manifest.resolutions[0])
    reading = reader.begin(np.arange(2))
    assert entered.wait(10)
    began = time.monotonic()
    reader.close()
    assert time.monotonic() - began < 10
    with pytest.raises(Stopped):
        reading.result()
