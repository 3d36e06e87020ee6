"""What a caption in words asks for."""

from collections.abc import Sequence
from dataclasses import replace

from progan.networks.captions import said, words
from progan.types import ConfigError, LabelSpace

# Other words for an attribute, and for its contrary.
ALSO = {
    "Male": ("man", "boy"),
    "Smiling": ("smile", "smiles"),
    "Eyeglasses": ("glasses", "spectacles"),
    "Blond_Hair": ("blonde hair",),
    "Gray_Hair": ("grey hair",),
}
CONTRARY = {"Male": ("woman", "girl", "female"), "Young": ("old",)}
NEGATIONS = ("no", "not", "without")
FILLERS = words("a an the this is of person face photo with has who wearing wears and")
Phrase = tuple[str, ...]


def asked(caption: str, names: Sequence[str], space: LabelSpace) -> LabelSpace:
    """Of `space`, the attributes that the caption names, and no others. ConfigError where a word says nothing of them.

    A negation is of what follows it; an attribute that is named twice is what the last says.
    """
    meanings = _meanings(names)
    holds = [False] * len(names)
    negated, rest = False, words(caption)
    while rest:
        phrase = _longest(rest, meanings)
        if phrase:
            attribute, value = meanings[phrase]
            holds[attribute], negated = value != negated, False
        elif rest[0] in NEGATIONS:
            negated = True
        elif rest[0] not in FILLERS:
            raise ConfigError(f"--caption: {rest[0]!r} says nothing of these faces; {_known(names)}")
        rest = rest[len(phrase) or 1 :]
    if negated:
        raise ConfigError(f"--caption: it ends before it says what is negated; {_known(names)}")
    return replace(space, combinations=("".join(str(int(held)) for held in holds),), counts=())


def _meanings(names: Sequence[str]) -> dict[Phrase, tuple[int, bool]]:
    """Phrase -> attribute, and whether it holds. Of No_Beard, beard means that it does not."""
    found: dict[Phrase, tuple[int, bool]] = {}
    for number, name in enumerate(names):
        own = said(name)
        contrary = [*CONTRARY.get(name, ()), *([own.removeprefix("no ")] if own.startswith("no ") else [])]
        for holds, phrases in ((True, [own, *ALSO.get(name, ())]), (False, contrary)):
            found |= {tuple(phrase.split()): (number, holds) for phrase in phrases}
    return found


def _longest(rest: Sequence[str], meanings: dict[Phrase, tuple[int, bool]]) -> Phrase:
    """The longest phrase with a meaning that `rest` begins with; none: ()."""
    return max((phrase for phrase in meanings if tuple(rest[: len(phrase)]) == phrase), key=len, default=())


def _known(names: Sequence[str]) -> str:
    return f"their attributes are {', '.join(names)}"
