import io
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from damage import FAULTS, damage, first_of
from remote_sets import write_set

from progan.config import validate
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.data.place import Stopped
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.reading import shared
from progan.data.reading.order import METRIC_SEED, Shuffled
from progan.data.settings import DataConfig, open_set
from progan.data.sources import SourceOptions, open_source
from progan.data.sources.base import labelled
from progan.data.streaming import reader
from progan.data.streaming.reader import StreamReader
from progan.types import ConfigError, DataError, LabelSpace

Writer = Callable[..., Path]
Load = Callable[..., Loader]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """load(manifest, seed, local_processes, **settings), closed after the test; shared memory is a folder."""
    (tmp_path / "shm").mkdir()
    monkeypatch.setattr(shared, "SHARED_MEMORY", tmp_path / "shm")
    loaders: list[Loader] = []

    def loader(manifest: Manifest, seed: int = 1, local_processes: int = 1, **settings: Any) -> Loader:
        config = DataConfig(**{"path": manifest.place.describe()} | settings)
        loaders.append(Loader(manifest, config, seed, local_processes))
        return loaders[-1]

    yield loader
    for each in loaders:
        each.close()


@pytest.fixture
def stored(labelled_set: Manifest) -> tuple[torch.Tensor, torch.Tensor]:
    """Every 16 px image and label in the order of the set, as webdataset reads them."""
    urls = [str(labelled_set.root / shard.name) for shard in labelled_set.shards(16)]
    samples = [sample for url in urls for sample in webdataset.WebDataset(url, shardshuffle=False, empty_check=False)]
    pixels = np.stack([np.load(io.BytesIO(sample["npy"])) for sample in samples])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.tensor([int(sample["cls"]) for sample in samples])


def row_of(image: torch.Tensor, images: torch.Tensor) -> int:
    (row,) = (images == image).flatten(1).all(1).nonzero().flatten().tolist()
    return int(row)


@pytest.mark.parametrize("resident_gb", [1.0, 0.0])
def test_each_epoch_holds_each_sample_once_with_its_label(
    load: Load, labelled_set: Manifest, stored: tuple[torch.Tensor, torch.Tensor], resident_gb: float
) -> None:
    images, labels = stored
    loader = load(labelled_set, 1, resident_gb=resident_gb)
    batches = [loader.batch(16, position, 4) for position in range(0, 40, 4)]  # 4 does not divide the 10 of an epoch
    rows = [row_of(image, images) for batch in batches for image in batch.images]
    epochs = [rows[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 4
    assert torch.equal(torch.cat([batch.labels for batch in batches]), labels[rows])
    assert batches[0].images.dtype == torch.uint8
    assert batches[0].labels.dtype == torch.int64


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_held_and_read_images_are_the_same(load: Load, labelled_set: Manifest, resolution: int) -> None:
    held, read = load(labelled_set, 1), load(labelled_set, 1, resident_gb=0)
    for position in (0, 6, 12, 3, 100_000):
        one, other = held.batch(resolution, position, 6), read.batch(resolution, position, 6)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    assert torch.equal(held.images(resolution, 2, 5), read.images(resolution, 2, 5))


@pytest.mark.parametrize("resident_gb", [1.0, 0.0])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_ranks_together_see_the_same_batches_at_any_world_size(
    load: Load, labelled_set: Manifest, world: int, resident_gb: float
) -> None:
    whole = load(labelled_set, 1)
    loaders = [load(labelled_set, 1, resident_gb=resident_gb) for _ in range(world)]
    for position in range(0, 32, 8):  # the second batch straddles two epochs
        share = 8 // world
        parts = [
            loader.batch(8, position, 8, slice(rank * share, (rank + 1) * share)) for rank, loader in enumerate(loaders)
        ]
        expected = whole.batch(8, position, 8)
        assert torch.equal(torch.cat([part.images for part in parts]), expected.images)
        assert torch.equal(torch.cat([part.labels for part in parts]), expected.labels)


def test_a_batch_does_not_depend_on_what_was_read_before(load: Load, labelled_set: Manifest) -> None:
    running, resumed = load(labelled_set, 1, resident_gb=0), load(labelled_set, 1, resident_gb=0)
    for position in range(0, 60, 6):
        running.batch(8, position, 6)
    for resolution, position, count in ((8, 60, 6), (16, 66, 3), (16, 69, 6)):
        expected = resumed.batch(resolution, position, count)
        assert torch.equal(running.batch(resolution, position, count).images, expected.images)


def test_a_batch_may_be_larger_than_the_set(load: Load, labelled_set: Manifest) -> None:
    loader = load(labelled_set, 1)
    labels = loader.batch(4, 5, 50).labels
    assert labels.tolist() == [loader.batch(4, position, 1).labels.item() for position in range(5, 55)]


def test_seeds_give_different_orders(load: Load, labelled_set: Manifest) -> None:
    assert not torch.equal(load(labelled_set, 1).batch(16, 0, 10).images, load(labelled_set, 2).batch(16, 0, 10).images)


def test_images_for_metrics_come_once_each_whatever_the_batching(
    load: Load, labelled_set: Manifest, stored: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loader = load(labelled_set, 1)
    whole = loader.images(16, 0, 10)
    assert sorted(row_of(image, stored[0]) for image in whole) == list(range(10))
    assert torch.equal(whole, torch.cat([loader.images(16, 0, 3), loader.images(16, 3, 7)]))
    with pytest.raises(DataError, match="images 8 to 11 of a set of 10"):
        loader.images(16, 8, 3)


@pytest.mark.parametrize("settings", [{}, {"stream": True, "lanes": 1}])
def test_images_for_metrics_are_the_same_whatever_the_seed_of_the_training(
    load: Load, labelled_set: Manifest, settings: dict[str, Any]
) -> None:
    one, other = (load(labelled_set, seed, **settings) for seed in (1, 2))
    assert not torch.equal(one.batch(16, 0, 10).images, other.batch(16, 0, 10).images)
    assert torch.equal(one.images(16, 0, 10), other.images(16, 0, 10))
    assert one.metric_order == other.metric_order


def test_raw_and_coded_sets_give_the_same_batches(load: Load, labelled_set: Manifest, tmp_path: Path) -> None:
    source = open_source(str(tmp_path / "raw"), SourceOptions(label="folder"))
    for codec in ("png", "webp"):
        coded = prepare(source, tmp_path / codec, PrepareOptions(16, raw_up_to=0, codec=codec))
        assert torch.equal(load(coded).batch(16, 7, 9).images, load(labelled_set).batch(16, 7, 9).images)


def test_images_come_with_the_channels_innermost(load: Load, labelled_set: Manifest) -> None:
    for settings in ({"resident_gb": 1.0}, {"resident_gb": 0.0}):
        images = load(labelled_set, **settings).batch(16, 0, 4).images
        assert images.shape == (4, 3, 16, 16)
        assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ["labelled_set", "coded_set"])
@pytest.mark.parametrize("read_ahead", [0, 1, 5])
@pytest.mark.parametrize("local_processes", [1, 1000])  # as many threads as there are cores, and one
def test_batches_do_not_depend_on_how_far_and_by_how_many_threads_they_are_read_ahead(
    load: Load, request: pytest.FixtureRequest, name: str, read_ahead: int, local_processes: int
) -> None:
    manifest = request.getfixturevalue(name)
    loader = load(manifest, local_processes=local_processes, resident_gb=0, read_ahead=read_ahead)
    phases = [(8, 0, 4)] * 3 + [(8, 12, 8)] * 2 + [(16, 28, 2)] * 3  # resolution, first position, batch
    for round_of_phase, (resolution, first, batch) in enumerate(phases):
        position = first + batch * (round_of_phase - phases.index((resolution, first, batch)))
        expected = load(manifest).batch(resolution, position, batch)
        assert torch.equal(loader.batch(resolution, position, batch).images, expected.images)


@pytest.mark.parametrize("name", ["labelled_set", "coded_set"])
@pytest.mark.parametrize("resident_gb", [1.0, 0.0])
@pytest.mark.parametrize(("how", "reason"), FAULTS)
def test_a_bad_shard_is_named_with_a_sample(
    load: Load, request: pytest.FixtureRequest, name: str, resident_gb: float, how: str, reason: str
) -> None:
    manifest = request.getfixturevalue(name)
    shard = damage(manifest, 1, how)
    with pytest.raises(DataError, match=rf"{shard}: sample 0000000\d: .*{reason}.*; copy the shard again"):
        load(manifest, resident_gb=resident_gb).batch(16, 0, 10)


@pytest.mark.parametrize(("how", "reason"), FAULTS)
@pytest.mark.parametrize("read_ahead", [0, 3])
def test_a_shard_that_goes_bad_while_training_is_noticed(
    load: Load, labelled_set: Manifest, read_ahead: int, how: str, reason: str
) -> None:
    loader = load(labelled_set, resident_gb=0, read_ahead=read_ahead)
    loader.batch(16, 0, 10)
    shard = damage(labelled_set, 1, how)
    with pytest.raises(DataError, match=rf"{shard}: sample 0000000\d: .*{reason}"):  # noqa: PT012
        for position in range(10, 10 * (read_ahead + 2), 10):  # some were read before
            loader.batch(16, position, 10)


def test_damage_found_by_reading_ahead_is_raised_when_its_batch_is_asked(load: Load, labelled_set: Manifest) -> None:
    row = first_of(labelled_set, 1)
    place = Shuffled(10, 1).rows(np.arange(10)).tolist().index(row)
    damage(labelled_set, 1, "altered")
    loader = load(labelled_set, resident_gb=0, read_ahead=4)
    for position in range(place):
        loader.batch(16, position, 1)
    with pytest.raises(DataError, match=f"sample {row:08d}: altered"):
        loader.batch(16, place, 1)


@pytest.mark.parametrize("resident_gb", [1.0, 0.0])
def test_an_unreadable_image_is_replaced_by_the_next_and_counted_where_that_is_wanted(
    load: Load, labelled_set: Manifest, resident_gb: float
) -> None:
    whole = load(labelled_set).images(16, 0, 10)
    damage(labelled_set, 1, "altered")
    loader = load(labelled_set, resident_gb=resident_gb, on_error="skip")
    for _ in range(2):  # the same image is counted once
        images = loader.images(16, 0, 10)
        differ = (images != whole).flatten(1).any(1)
        assert int(differ.sum()) == 1
    (((resolution, row), reason),) = loader.skipped.items()
    assert resolution == 16
    assert "altered" in reason
    order = Shuffled(10, METRIC_SEED, "metric-order").rows(np.arange(10)).tolist()
    assert torch.equal(images[order.index(row)], whole[order.index((row + 1) % 10)])


@pytest.mark.parametrize("resident_gb", [1.0, 0.0])
@pytest.mark.parametrize("number", [0, -1])  # the last shard: the first sample of the set stands in
def test_every_image_of_a_lost_shard_is_replaced_and_comes_with_the_label_of_what_is_shown(
    load: Load,
    labelled_set: Manifest,
    stored: tuple[torch.Tensor, torch.Tensor],
    resident_gb: float,
    number: int,
) -> None:
    owners = labelled_set.read_index(16)[:, 0]
    number %= len(labelled_set.shards(16))
    damage(labelled_set, number, "gone")
    loader = load(labelled_set, resident_gb=resident_gb, on_error="skip")
    for position in range(0, 40, 5):
        batch = loader.batch(16, position, 5)
        rows = [row_of(image, stored[0]) for image in batch.images]
        assert number not in owners[rows]
        assert torch.equal(batch.labels, stored[1][rows])
    assert sorted(row for _, row in loader.skipped) == np.flatnonzero(owners == number).tolist()


def test_too_many_unreadable_images_stop(load: Load, labelled_set: Manifest) -> None:
    damage(labelled_set, 1, "gone")
    loader = load(labelled_set, on_error="skip", max_skipped=1)
    with pytest.raises(DataError, match=r"No such file.*\(2 skipped, more than data\.max_skipped 1\)"):
        loader.batch(16, 0, 10)


def test_a_set_without_one_readable_image_stops_whatever_the_limit(load: Load, labelled_set: Manifest) -> None:
    for number in range(len(labelled_set.shards(16))):
        damage(labelled_set, number, "gone")
    with pytest.raises(DataError, match="none of the other images can be read"):
        load(labelled_set, on_error="skip", max_skipped=1000).batch(16, 0, 2)


def test_processes_of_a_node_hold_one_copy_that_goes_with_the_last(load: Load, labelled_set: Manifest) -> None:
    expected = load(labelled_set).batch(16, 0, 10).images
    one, other = (load(labelled_set, local_processes=2) for _ in range(2))
    assert torch.equal(one.batch(16, 0, 10).images, expected)
    other.batch(16, 0, 1)
    assert len(list(shared.SHARED_MEMORY.iterdir())) == 1
    damage(labelled_set, 1, "gone")
    assert torch.equal(other.batch(16, 0, 10).images, expected)  # read by the first, had by the second
    one.close()
    assert len(list(shared.SHARED_MEMORY.iterdir())) == 1
    other.close()
    assert not list(shared.SHARED_MEMORY.iterdir())


def test_memory_of_a_resolution_is_given_back_when_the_next_is_trained(load: Load, labelled_set: Manifest) -> None:
    loader = load(labelled_set, local_processes=2)
    for resolution in (4, 8, 16):
        loader.batch(resolution, 0, 2)
        assert [path.name.rpartition("-")[2] for path in shared.SHARED_MEMORY.iterdir()] == [str(resolution)]


def test_classes_are_balanced_and_labels_kept_as_the_settings_say(load: Load, labelled_set: Manifest) -> None:
    labels = load(labelled_set, balanced=True).batch(16, 0, 400).labels
    assert torch.bincount(labels).tolist() == [200, 200]
    subset = load(labelled_set, labelled_per_class=2).batch(16, 0, 10).labels
    assert sorted(subset.tolist()) == [-1] * 6 + [0, 0, 1, 1]


def test_generated_images_have_the_classes_of_those_that_are_shown(labelled_set: Manifest) -> None:
    shown = [DataConfig(path="set", balanced=balanced).shown(labelled_set.spec) for balanced in (False, True)]
    assert [data.label_space for data in shown] == [LabelSpace(2, counts=(6, 4)), LabelSpace(2)]


def test_settings_that_need_one_class_an_image_are_refused_without(
    load: Load, tmp_path: Path, write_pictures: Writer
) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 3)))
    manifest = prepare(source, tmp_path / "set", PrepareOptions(8))
    for settings in ({"balanced": True}, {"labelled_per_class": 1}):
        with pytest.raises(ConfigError, match=f"data.{next(iter(settings))}: .*has no labels"):
            load(manifest, **settings)


def test_several_labels_come_as_a_matrix(load: Load, tmp_path: Path, write_pictures: Writer) -> None:
    source = labelled(open_source(str(write_pictures(tmp_path / "raw", 2))), "a,b", ("a", "b"), [(0, 1), (1, 1)])
    loader = load(prepare(source, tmp_path / "set", PrepareOptions(8)))
    assert sorted(loader.batch(8, 0, 2).labels.tolist()) == [[0, 1], [1, 1]]


def test_a_balanced_subset_shows_its_images_alone(load: Load, labelled_set: Manifest) -> None:
    batch = load(labelled_set, balanced=True, labelled_per_class=2).batch(16, 0, 40)
    assert torch.bincount(batch.labels).tolist() == [20, 20]
    assert len(batch.images.flatten(1).unique(dim=0)) == 4


def test_a_remote_set_gives_the_batches_of_the_local_one(load: Load, labelled_set: Manifest, tmp_path: Path) -> None:
    config = DataConfig(path=f"file://{labelled_set.root}", cache=str(tmp_path / "cache"))
    remote = load(open_set(config), **dict(config))
    local = load(labelled_set)
    for resolution, position in ((4, 0), (16, 6)):
        assert torch.equal(remote.batch(resolution, position, 6).images, local.batch(resolution, position, 6).images)
    assert torch.equal(remote.images(16, 0, 10), local.images(16, 0, 10))


def test_a_folder_is_copied_to_the_nodes_own_disk_where_a_cache_is_named(
    load: Load, labelled_set: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labelled_set.root.parent)
    config = DataConfig(path=labelled_set.root.name, cache=str(tmp_path / "cache"))
    copied = load(open_set(config), **dict(config))
    assert torch.equal(copied.batch(16, 0, 6).images, load(labelled_set).batch(16, 0, 6).images)
    assert list((tmp_path / "cache").rglob("*.tar"))


def test_a_shard_missing_from_a_remote_set_is_named_with_a_sample_or_skipped(
    load: Load, labelled_set: Manifest, tmp_path: Path
) -> None:
    shard = damage(labelled_set, 1, "gone")
    config = DataConfig(path=f"file://{labelled_set.root}", cache=str(tmp_path / "cache"))
    with pytest.raises(DataError, match=rf"{shard}.*\(sample 0000000\d\)"):
        load(open_set(config), **dict(config)).batch(16, 0, 10)
    loader = load(open_set(config), **dict(config) | {"on_error": "skip"})
    loader.batch(16, 0, 10)
    assert len(loader.skipped) == labelled_set.shards(16)[1].count


def test_a_remote_set_larger_than_the_cache_is_refused_at_once(
    load: Load, labelled_set: Manifest, tmp_path: Path
) -> None:
    config = DataConfig(path=f"file://{labelled_set.root}", cache=str(tmp_path / "cache"), cache_gb=1e-6)
    with pytest.raises(ConfigError, match=r"data\.cache_gb"):
        load(open_set(config), **dict(config)).batch(16, 0, 10)


def test_a_stream_gives_every_image_once_an_epoch(load: Load, tmp_path: Path) -> None:
    manifest = Manifest.load(write_set(tmp_path / "set", [4, 4, 4, 4], {4: "raw"}))
    loader = load(manifest, stream=True, lanes=2)
    loader.require(4, 8)
    with pytest.raises(ConfigError, match=r"data\.lanes"):
        loader.require(4, 7)
    batches = [loader.batch(4, position, 8, part) for position in (0, 8) for part in (slice(0, 4), slice(4, 8))]
    assert len(torch.cat([batch.images for batch in batches]).flatten(1).unique(dim=0)) == 16
    assert all(batch.images.shape == (4, 3, 4, 4) and batch.labels.tolist() == [0] * 4 for batch in batches)
    assert len(loader.images(4, 0, 16).flatten(1).unique(dim=0)) == 16


@pytest.mark.parametrize("read_ahead", [0, 3])
def test_a_stream_is_read_ahead(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_ahead: int) -> None:
    manifest = Manifest.load(write_set(tmp_path / "set", [4, 4, 4, 4], {4: "raw"}))
    expected = StreamReader(manifest, 1, lanes=2, on_problem=lambda _: None, threads=1)
    begun: list[int] = []
    batch = StreamReader.batch

    def noted(reader: StreamReader, resolution: int, position: int, count: int, part: slice) -> Any:
        begun.append(position)
        return batch(reader, resolution, position, count, part)

    monkeypatch.setattr(StreamReader, "batch", noted)
    loader = load(manifest, stream=True, lanes=2, read_ahead=read_ahead)
    for position in (0, 4, 40, 44):
        found = loader.batch(4, position, 4).images.permute(0, 2, 3, 1).numpy()
        assert np.array_equal(found, batch(expected, 4, position, 4)[0])
    deadline = time.monotonic() + 10
    while begun[-1] != 44 + 4 * read_ahead:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stream_is_closed_while_a_shard_is_read(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.load(write_set(tmp_path / "set", [4, 4, 4, 4], {4: "raw"}))
    read, begun = reader.read_samples, itertools.count()

    def two_then_none(place: Any, shard: Any, first: int, kind: str, stop: threading.Event) -> Any:
        if next(begun) < 2:
            return read(place, shard, first, kind, stop)
        assert stop.wait(60)
        raise Stopped

    monkeypatch.setattr(reader, "read_samples", two_then_none)
    loader = load(manifest, stream=True, lanes=2, read_ahead=3)
    loader.batch(4, 0, 4)  # the batch after the next waits for the second shards
    began = time.monotonic()
    loader.close()
    for thread in threading.enumerate():
        if thread.name.startswith("stream"):
            thread.join(10)
    assert time.monotonic() - began < 10


def test_a_lost_shard_of_a_stream_stops_or_is_counted_once(load: Load, tmp_path: Path) -> None:
    manifest = Manifest.load(write_set(tmp_path / "set", [4, 4, 4, 4], {4: "raw"}))
    shard = manifest.shards(4)[1].name
    (manifest.root / shard).unlink()
    with pytest.raises(DataError, match=shard):
        load(manifest, stream=True, lanes=1).images(4, 0, 16)
    loader = load(manifest, stream=True, lanes=1, on_error="skip")
    for position in range(0, 64, 4):
        loader.batch(4, position, 4)
    (reason,) = loader.skipped.values()
    assert shard in reason


def test_labelled_images_are_not_picked_out_of_a_stream(load: Load, labelled_set: Manifest) -> None:
    with pytest.raises(ConfigError, match=r"data\.stream: a stream cannot pick out the labelled images"):
        load(labelled_set, stream=True).require_labelled()


def test_settings_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="balanced: a stream reads whole shards"):
        validate(DataConfig, {"path": "set", "balanced": True, "stream": True})


def test_a_part_of_a_set_and_a_folder_without_one_are_refused(labelled_set: Manifest, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(labelled_set.root, part)
    labelled_set.contents.model_copy(update={"part": "2/8"}).write(part)
    with pytest.raises(DataError, match=r"is part 2/8 of a set; .*progan merge"):
        open_set(DataConfig(path=str(part)))
    with pytest.raises(DataError, match="not a prepared set"):
        open_set(DataConfig(path=str(tmp_path)))
