"""Captions of faces, made of their attributes: a closed language, such as "a woman smiling with eyeglasses"."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.types import UNLABELLED

MALE = "Male"  # whose caption is the subject, or its contrary
WEARING = "Wearing_"  # how names of what is worn begin
# Each phrase in as many wordings. The first is the plain one.
SUBJECT = ("a {}", "a photo of a {}", "this is a {}")
QUALITY = ("{}", "who is {}", "and {}")
WORN = ("wearing {}", "who wears {}", "with {}")
OWN = ("with {}", "who has {}", "and {}")
QUALITIES = ("attractive", "bald", "blurry", "chubby", "smiling", "young")
NOTHING = ("", "", "")


def words(text: str) -> list[str]:
    """Lower-case words, cut at everything but letters and digits, hence at the underscores of names."""
    return re.findall(r"[^\W_]+", text.lower())


def said(name: str) -> str:
    """The words of an attribute: wavy hair for Wavy_Hair, hat for Wearing_Hat."""
    return " ".join(words(name.removeprefix(WEARING)))


def _phrase(name: str) -> tuple[str, ...]:
    """The wordings of an attribute that holds."""
    own = QUALITY if said(name) in QUALITIES else WORN if name.startswith(WEARING) else OWN
    return tuple(wording.format(said(name)) for wording in own)


def _subject() -> list[tuple[str, ...]]:
    return [tuple(wording.format(noun) for wording in SUBJECT) for noun in ("person", "woman", "man")]


class Captions(nn.Module):
    """(labels NK of 1, 0 or UNLABELLED) -> word numbers NL, 0 for no word: a subject, then each attribute that holds.

    In training mode each phrase has a wording by itself, drawn from torch's global generator; else the plain one.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """names: the K attributes."""
        super().__init__()
        others = [name for name in names if name != MALE]
        # For each phrase its wordings where the attribute is not known, does not hold, holds.
        phrases = [_subject(), *([NOTHING, NOTHING, _phrase(name)] for name in others)]
        texts = [[[words(wording) for wording in wordings] for wordings in phrase] for phrase in phrases]
        spoken = {word for phrase in texts for wordings in phrase for text in wordings for word in text}
        self.vocabulary = ("", *sorted(spoken))
        # The attribute of each phrase, one behind its place in the labels: 0 is none, which is never known.
        columns = [names.index(name) + 1 for name in others]
        subject = names.index(MALE) + 1 if MALE in names else 0
        self.register_buffer("columns", torch.tensor([subject, *columns]), persistent=False)
        self.register_buffer("table", _numbered(texts, self.vocabulary), persistent=False)
        self.columns: Tensor
        self.table: Tensor  # phrases x 3 x wordings x words

    def forward(self, labels: Tensor) -> Tensor:
        known = F.pad(labels, (1, 0), value=UNLABELLED)[:, self.columns] + 1
        wording = torch.zeros_like(known)
        if self.training:
            wording = torch.randint_like(known, len(SUBJECT))
        return self.table[torch.arange(known.shape[1], device=labels.device), known, wording].flatten(1)


def _numbered(texts: list[list[list[list[str]]]], vocabulary: Sequence[str]) -> Tensor:
    """Nested lists of words as one tensor of their numbers, filled up with 0."""
    number = {word: place for place, word in enumerate(vocabulary)}
    longest = max(len(text) for phrase in texts for wordings in phrase for text in wordings)

    def row(text: list[str]) -> list[int]:
        return [number[word] for word in text] + [0] * (longest - len(text))

    return torch.tensor([[[row(text) for text in wordings] for wordings in phrase] for phrase in texts])
