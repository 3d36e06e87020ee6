import io
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image

from progan.data import loader as loader_module
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.types import DataError


@pytest.fixture
def stored(labelled_set: Manifest) -> tuple[torch.Tensor, torch.Tensor]:
    """Every 16 px image and label in the order of the set, as webdataset reads them."""
    urls = [str(labelled_set.root / shard.name) for shard in labelled_set.shards(16)]
    samples = [sample for url in urls for sample in webdataset.WebDataset(url, shardshuffle=False, empty_check=False)]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(sample["png"]))) for sample in samples])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.tensor([int(sample["cls"]) for sample in samples])


def row_of(image: torch.Tensor, images: torch.Tensor) -> int:
    (row,) = (images == image).flatten(1).all(1).nonzero().flatten().tolist()
    return int(row)


@pytest.mark.parametrize("resident_bytes", [2**20, 0])
def test_each_epoch_holds_each_sample_once_with_its_label(
    labelled_set: Manifest, stored: tuple[torch.Tensor, torch.Tensor], resident_bytes: int
) -> None:
    images, labels = stored
    loader = Loader(labelled_set, seed=1, resident_bytes=resident_bytes)
    batches = [loader.batch(16, position, 4) for position in range(0, 40, 4)]  # 4 does not divide the 10 of an epoch
    rows = [row_of(image, images) for batch in batches for image in batch.images]
    epochs = [rows[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 4
    assert torch.equal(torch.cat([batch.labels for batch in batches]), labels[rows])
    assert batches[0].images.dtype == torch.uint8
    assert batches[0].labels.dtype == torch.int64


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_held_and_read_images_are_the_same(labelled_set: Manifest, resolution: int) -> None:
    held, read = Loader(labelled_set, 1), Loader(labelled_set, 1, resident_bytes=0)
    for position in (0, 6, 12, 3, 100_000):
        one, other = held.batch(resolution, position, 6), read.batch(resolution, position, 6)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    assert torch.equal(held.images(resolution, 2, 5), read.images(resolution, 2, 5))


@pytest.mark.parametrize("resident_bytes", [2**20, 0])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_ranks_together_see_the_same_batches_at_any_world_size(
    labelled_set: Manifest, world: int, resident_bytes: int
) -> None:
    whole = Loader(labelled_set, 1)
    loaders = [Loader(labelled_set, 1, resident_bytes) for _ in range(world)]
    for position in range(0, 32, 8):  # the second batch straddles two epochs
        share = 8 // world
        parts = [
            loader.batch(8, position, 8, slice(rank * share, (rank + 1) * share)) for rank, loader in enumerate(loaders)
        ]
        expected = whole.batch(8, position, 8)
        assert torch.equal(torch.cat([part.images for part in parts]), expected.images)
        assert torch.equal(torch.cat([part.labels for part in parts]), expected.labels)


def test_a_batch_does_not_depend_on_what_was_read_before(labelled_set: Manifest) -> None:
    running, resumed = Loader(labelled_set, 1, 0), Loader(labelled_set, 1, 0)
    for position in range(0, 60, 6):
        running.batch(8, position, 6)
    for resolution, position, count in ((8, 60, 6), (16, 66, 3), (16, 69, 6)):
        expected = resumed.batch(resolution, position, count)
        assert torch.equal(running.batch(resolution, position, count).images, expected.images)


def test_a_batch_may_be_larger_than_the_set(labelled_set: Manifest) -> None:
    loader = Loader(labelled_set, 1)
    labels = loader.batch(4, 5, 50).labels
    assert labels.tolist() == [loader.batch(4, position, 1).labels.item() for position in range(5, 55)]


def test_seeds_give_different_orders(labelled_set: Manifest) -> None:
    assert not torch.equal(
        Loader(labelled_set, 1).batch(16, 0, 10).images, Loader(labelled_set, 2).batch(16, 0, 10).images
    )


def test_images_for_metrics_come_once_each_whatever_the_batching(
    labelled_set: Manifest, stored: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loader = Loader(labelled_set, 1)
    whole = loader.images(16, 0, 10)
    assert sorted(row_of(image, stored[0]) for image in whole) == list(range(10))
    assert torch.equal(whole, torch.cat([loader.images(16, 0, 3), loader.images(16, 3, 7)]))
    with pytest.raises(DataError, match="images 8 to 11 of a set of 10"):
        loader.images(16, 8, 3)


def test_more_shards_than_may_be_open_at_once_are_read(labelled_set: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "_OPEN_SHARDS", 1)
    read = Loader(labelled_set, 1, resident_bytes=0)
    assert torch.equal(read.batch(16, 0, 30).images, Loader(labelled_set, 1).batch(16, 0, 30).images)


@pytest.mark.parametrize("resident_bytes", [2**20, 0])
def test_a_truncated_a_missing_and_an_altered_shard_are_named_with_a_sample(
    labelled_set: Manifest, resident_bytes: int
) -> None:
    name = labelled_set.shards(16)[1].name
    shard = labelled_set.root / name
    data = shard.read_bytes()
    first = int(labelled_set.read_index(16)[:, 0].searchsorted(1))

    def expect(reason: str) -> None:
        with pytest.raises(DataError, match=rf"{name}: sample 0000000\d: .*{reason}.*; copy the shard again"):
            Loader(labelled_set, 1, resident_bytes).batch(16, 0, 10)

    shard.write_bytes(data[:-1024])
    expect("bytes, not")
    shard.unlink()
    expect("No such file")
    _, offset, size = labelled_set.read_index(16)[first].tolist()
    altered = bytearray(data)
    altered[offset + size // 2] ^= 1
    shard.write_bytes(altered)
    with pytest.raises(DataError, match=f"{name}: sample {first:08d}: a damaged PNG"):
        Loader(labelled_set, 1, resident_bytes).batch(16, 0, 10)


def test_damage_found_by_reading_ahead_is_raised_when_its_batch_is_asked(labelled_set: Manifest) -> None:
    loader = Loader(labelled_set, 1, resident_bytes=0)
    (row,) = torch.randperm(10, generator=loader_module.generator(1, "data-order", 0))[5:6].tolist()
    number, offset, _ = labelled_set.read_index(16)[row].tolist()
    shard: Path = labelled_set.shard_path(16, number)
    data = bytearray(shard.read_bytes())
    data[offset + 50] ^= 1
    shard.write_bytes(data)
    loader.batch(16, 0, 5)
    with pytest.raises(DataError, match=f"sample {row:08d}: a damaged PNG"):
        loader.batch(16, 5, 5)
