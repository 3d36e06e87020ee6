"""Captions say the attributes that hold and no others, and what a caption says is understood."""

import itertools

import pytest
import torch
from torch import Tensor

from progan.networks.captions import Captions
from progan.sampling.asking import asked
from progan.types import ConfigError, LabelSpace

NAMES = ("Smiling", "Male", "Eyeglasses", "Wearing_Hat", "No_Beard")
OTHERS = ("5_o_Clock_Shadow", "Wavy_Hair", "Dark_Skin")


def _every(count: int) -> Tensor:
    return torch.tensor(list(itertools.product((0, 1), repeat=count)))


def _texts(captions: Captions, labels: Tensor) -> list[str]:
    return [" ".join(captions.vocabulary[number] for number in row if number) for row in captions(labels)]


def _understood(caption: str, names: tuple[str, ...] = NAMES) -> list[int]:
    (combination,) = asked(caption, names, LabelSpace(len(names), combinations=("0" * len(names),))).combinations
    return [int(held) for held in combination]


def test_the_plain_wording_is_fixed_and_reads_as_a_sentence() -> None:
    captions = Captions(NAMES).eval()
    labels = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0], [-1, -1, -1, -1, -1]])
    expected = [
        "a woman smiling with eyeglasses",
        "a man wearing hat with no beard",
        "a woman",
        "a person",
    ]
    assert _texts(captions, labels) == expected == _texts(captions, labels)
    assert _texts(Captions(OTHERS).eval(), torch.tensor([[1, 1, 0]])) == [
        "a person with 5 o clock shadow with wavy hair"
    ]


def test_captions_name_each_attribute_that_holds_in_wordings_that_change() -> None:
    torch.manual_seed(0)
    captions, labels = Captions(NAMES), _every(len(NAMES))
    keys = {"smiling": 0, "man": 1, "eyeglasses": 2, "hat": 3, "beard": 4}
    drawn = [_texts(captions, labels) for _ in range(20)]
    for text, row in ((text, row) for texts in drawn for text, row in zip(texts, labels, strict=True)):
        assert {key for key in keys if key in text.split()} == {key for key, place in keys.items() if row[place]}
        assert ("woman" in text.split()) == (not row[1])
    assert len({texts[-1] for texts in drawn}) > 10


@pytest.mark.parametrize("names", [NAMES[:3], NAMES, OTHERS, OTHERS + NAMES[3:]], ids=len)
def test_what_captions_say_is_understood_for_every_choice_of_attributes(names: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    captions, labels = Captions(names), _every(len(names))
    for texts in (_texts(captions, labels) for _ in range(10)):
        assert [_understood(text, names) for text in texts] == labels.tolist()


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A smiling woman, with eyeglasses!", [1, 0, 1, 0, 0]),
        ("the face of a man without glasses and a hat", [0, 1, 0, 1, 0]),
        ("a man who is not smiling, without a beard", [0, 1, 0, 0, 1]),
        ("a man with a beard and a smile", [1, 1, 0, 0, 0]),
    ],
)
def test_synonyms_and_negations_are_understood(caption: str, expected: list[float]) -> None:
    assert _understood(caption) == expected


def test_words_that_say_nothing_are_refused_in_one_line_that_lists_the_attributes() -> None:
    with pytest.raises(ConfigError, match=r"^--caption: 'umbrella' says .* are Smiling, Male, Eyeglasses, W.*$"):
        _understood("a woman with an umbrella")
    with pytest.raises(ConfigError, match=r"^--caption: 'woman' says .* are 5_o_Clock_Shadow, Wavy_Hair, D.*$"):
        _understood("a woman", OTHERS)
    with pytest.raises(ConfigError, match=r"^--caption: it ends before"):
        _understood("a woman with no")


def test_the_words_of_each_choice_of_attributes_differ_whatever_their_order() -> None:
    captions = Captions(NAMES + OTHERS).eval()
    texts = [tuple(sorted(text.split())) for text in _texts(captions, _every(len(NAMES + OTHERS)))]
    assert len(set(texts)) == len(texts)
