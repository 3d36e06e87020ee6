from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from damage import damage, first_of

from progan.data.manifest import Manifest
from progan.data.reading import shared
from progan.data.reading.reader import Reader, UnreadableSample
from progan.data.reading.resident import Resident
from progan.types import ConfigError

ALL = np.arange(10)
Hold = Callable[..., Resident]


@pytest.fixture
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    """hold(manifest, shared_as=None): its 16 px samples, closed after the test; shared memory is a folder."""
    (tmp_path / "shm").mkdir()
    monkeypatch.setattr(shared, "SHARED_MEMORY", tmp_path / "shm")
    made: list[Resident] = []

    def resident(manifest: Manifest, shared_as: str | None = None) -> Resident:
        made.append(Resident(Reader(manifest, 16), manifest.count, shared_as=shared_as))
        return made[-1]

    yield resident
    for each in made:
        each.close()


def read(manifest: Manifest) -> np.ndarray:
    reader = Reader(manifest, 16)
    images = reader.begin(ALL).result().numpy()
    reader.close()
    return images


@pytest.mark.parametrize("name", ["labelled_set", "coded_set"])
@pytest.mark.parametrize("shared_as", [None, "a set"])
def test_held_samples_are_those_of_the_shards(
    hold: Hold, request: pytest.FixtureRequest, name: str, shared_as: str | None
) -> None:
    manifest = request.getfixturevalue(name)
    resident, images = hold(manifest, shared_as), read(manifest)
    for rows in ([3], [3, 9, 3, 0], list(range(10)), [5, 5]):
        assert np.array_equal(resident.begin(np.array(rows)).result().numpy(), images[rows])


def test_a_held_sample_outlives_its_shard_and_an_absent_one_does_not(hold: Hold, labelled_set: Manifest) -> None:
    resident, images = hold(labelled_set), read(labelled_set)
    resident.begin(ALL[:5]).result()
    for number in range(len(labelled_set.shards(16))):
        damage(labelled_set, number, "gone")
    assert np.array_equal(resident.begin(ALL[:5]).result().numpy(), images[:5])
    with pytest.raises(UnreadableSample):
        resident.begin(ALL[5:]).result()


def test_a_sample_with_a_wrong_sum_never_comes_into_memory(hold: Hold, labelled_set: Manifest) -> None:
    images = read(labelled_set)
    good, bad = hold(labelled_set, "a set"), hold(labelled_set, "a set")
    begun = bad.begin(ALL)  # all absent
    begun.cancel()
    damage(labelled_set, 1, "altered")
    with pytest.raises(UnreadableSample, match="altered"):
        bad.begin(np.array([first_of(labelled_set, 1)])).result()
    damage(labelled_set, 1, "altered")  # the same bit again: as it was
    assert np.array_equal(good.begin(ALL).result().numpy(), images)
    assert np.array_equal(bad.begin(ALL).result().numpy(), images)


def test_batches_begun_before_others_are_finished_are_right(hold: Hold, labelled_set: Manifest) -> None:
    resident, images = hold(labelled_set), read(labelled_set)
    orders = [np.random.default_rng(seed).integers(0, 10, 4) for seed in range(20)]
    for rows, begun in zip(orders, [resident.begin(rows) for rows in orders], strict=True):
        assert np.array_equal(begun.result().numpy(), images[rows])


def test_many_that_fill_one_copy_at_once_see_the_same_samples(hold: Hold, labelled_set: Manifest) -> None:
    images = read(labelled_set)

    def work(number: int) -> bool:
        draw, resident = np.random.default_rng(number), hold(labelled_set, "a set")
        batches = [draw.integers(0, 10, 3) for _ in range(50)]
        return all(np.array_equal(resident.begin(rows).result().numpy(), images[rows]) for rows in batches)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
    assert len(list(shared.SHARED_MEMORY.iterdir())) == 1


def test_what_one_has_read_another_need_not(hold: Hold, labelled_set: Manifest) -> None:
    images = read(labelled_set)
    one, other = hold(labelled_set, "a set"), hold(labelled_set, "a set")
    one.begin(ALL).result()
    for number in range(len(labelled_set.shards(16))):
        damage(labelled_set, number, "gone")
    assert np.array_equal(other.begin(ALL).result().numpy(), images)


def test_memory_that_cannot_be_had_is_said_in_one_line(labelled_set: Manifest) -> None:
    reader = Reader(labelled_set, 16)
    with pytest.raises(ConfigError, match=r"data\.resident_gb: no memory for .* GiB"):
        Resident(reader, 10**14)
    reader.close()
