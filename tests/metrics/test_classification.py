"""Scores of answers against plain counting; what is asked, and of which images."""

import pytest
import torch
from torch import Tensor

from progan.metrics.classification import answer, score
from progan.types import UNLABELLED, Batch, Verdict

NAMES = ("cat", "dog", "owl", "elk")
CPU = torch.device("cpu")


def test_one_class_an_image_is_scored_as_by_plain_counting() -> None:
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (200,), generator=draws)  # none is an elk
    given = torch.where(torch.rand(200, generator=draws) < 0.7, labels, torch.randint(2, (200,), generator=draws))
    given[labels == 2] = 3  # none is said to be an owl
    pairs = list(zip(given.tolist(), labels.tolist(), strict=True))
    found = score(given, labels, NAMES)
    assert (found.images, found.answers) == (200, 200)
    assert found.errors == sum(said != true for said, true in pairs)
    assert found.accuracy == pytest.approx(sum(said == true for said, true in pairs) / 200)
    assert found.confusion == [[pairs.count((said, true)) for said in range(4)] for true in range(4)]
    for number, one in enumerate(found.classes):
        hits = pairs.count((number, number))
        said, true = (sum(pair[side] == number for pair in pairs) for side in (0, 1))
        assert (one.name, one.images) == (NAMES[number], true)
        assert one.precision == (pytest.approx(hits / said) if said else None)
        assert one.recall == (pytest.approx(hits / true) if true else None)
        assert one.accuracy == pytest.approx(sum((s == number) == (t == number) for s, t in pairs) / 200)
    assert found.classes[2].precision is None
    assert found.classes[3].recall is None


def test_several_labels_an_image_are_scored_label_by_label() -> None:
    labels = torch.tensor([[1, 0], [1, 1], [0, 0], [0, 1]])
    given = torch.tensor([[1, 0], [1, 0], [1, 0], [0, 0]])
    found = score(given, labels, ("smiles", "hat"))
    assert (found.images, found.answers, found.errors, found.confusion) == (4, 8, 3, None)
    smiles, hat = found.classes
    assert (smiles.images, smiles.accuracy, smiles.recall) == (2, 0.75, 1.0)
    assert smiles.precision == pytest.approx(2 / 3)
    assert (hat.images, hat.accuracy, hat.precision, hat.recall) == (2, 0.5, None, 0.0)


class _Reader:
    """Takes the class from the first pixel; notes what it was shown."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.shown: list[Batch] = []

    def __call__(self, images: Tensor, labels: Tensor) -> Verdict:
        self.shown.append(Batch(images, labels))
        shade = ((images[:, 0, 0, 0] + 1) * 127.5).round().long()
        return Verdict(shade, torch.nn.functional.one_hot(shade, self.classes).float() - 0.5)


def test_the_discriminator_sees_no_label_and_whole_groups() -> None:
    shades = torch.tensor([2, 0, 1, 2, 1])
    images = shades.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    reader = _Reader(3)
    assert answer(reader, Batch(images, torch.zeros(5, dtype=torch.int64)), CPU, group=4).tolist() == shades.tolist()  # type: ignore[union-attr]
    assert len(reader.shown[0].images) == 8
    assert set(reader.shown[0].labels.tolist()) == {UNLABELLED}
    several = answer(reader, Batch(images, torch.zeros(5, 3, dtype=torch.int64)), CPU)
    assert several is not None
    assert several.tolist() == [[int(shade == one) for one in range(3)] for shade in shades.tolist()]


def test_a_discriminator_without_classes_gives_no_answer() -> None:
    batch = Batch(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    assert answer(lambda images, labels: Verdict(images[:, 0, 0, 0]), batch, CPU) is None
