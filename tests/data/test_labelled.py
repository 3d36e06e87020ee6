"""The labelled images of a set: each once, with its own label, in an order of the seed."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.reading.order import Numbers
from progan.data.reading.reader import Reader
from progan.data.sources import SourceOptions, open_source
from progan.types import DataError

SIDE, COUNT = 8, 50


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Manifest]:
    folder = tmp_path_factory.mktemp("faces")

    def prepared(label: str | None) -> Manifest:
        source = open_source("synthetic", SourceOptions(SIDE, COUNT, label))
        return prepare(source, folder / str(label), PrepareOptions(SIDE, workers=1))

    return prepared


def stored(manifest: Manifest) -> dict[bytes, list[int] | int]:
    """The label of each image, by its pixels."""
    images = Reader(manifest, SIDE).begin(np.arange(COUNT)).result().permute(0, 3, 1, 2)
    labels = manifest.read_labels().tolist()
    return {pixels(image): label for image, label in zip(images, labels, strict=True)}


def pixels(image: Tensor) -> bytes:
    return image.contiguous().numpy().tobytes()


@pytest.mark.parametrize("label", ["Bald", "Bald,Smiling", "Black_Hair|Blond_Hair"])
def test_every_labelled_image_comes_once_with_its_own_label(
    faces: Callable[[str | None], Manifest], label: str
) -> None:
    manifest = faces(label)
    images, known = LabelledImages(manifest, SIDE), {key: one for key, one in stored(manifest).items() if one != -1}
    batch = images.read(np.arange(len(images)))
    found = {pixels(image): one for image, one in zip(batch.images, batch.labels.tolist(), strict=True)}
    assert found == known
    assert len(images) == len(known)
    assert batch.labels.tolist() == images.labels.tolist()


def test_the_order_is_mixed_and_the_seeds(faces: Callable[[str | None], Manifest]) -> None:
    manifest, everything = faces("Bald"), np.arange(COUNT)

    def order(seed: int, numbers: Numbers = everything) -> list[bytes]:
        return [pixels(image) for image in LabelledImages(manifest, SIDE, seed).read(numbers).images]

    assert order(0) == order(0)
    assert order(0, everything[::-1].copy()) == order(0)[::-1]
    assert sorted(order(0)) == sorted(order(1))
    assert len({tuple(order(0)), tuple(order(1)), tuple(stored(manifest))}) == 3


def test_sets_that_teach_nothing_are_refused_with_the_remedy(faces: Callable[[str | None], Manifest]) -> None:
    with pytest.raises(DataError, match=r"None: has no labels, and telling classes apart.*prepare it with --label"):
        LabelledImages(faces(None), SIDE)
