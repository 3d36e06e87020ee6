"""Labels from attributes: an expression says how the attributes of a picture become its class or classes.

Smiling                      two classes: not Smiling, Smiling
Male*Smiling                 their four combinations
Black_Hair|Blond_Hair        the one of these that holds; unlabelled where none or several do
Smiling,Male,Young           several labels a picture, each 0 or 1
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from progan.data.sources.base import Label
from progan.types import UNLABELLED, DataError

_OPERATORS = "*|,"


@dataclass(frozen=True)
class LabelRule:
    """Attributes of a picture -> its label. Picklable."""

    attributes: tuple[str, ...]  # that it looks at
    classes: tuple[str, ...]  # in label order
    operator: str = "*"

    @property
    def multilabel(self) -> bool:
        return self.operator == ","

    def __call__(self, holds: Mapping[str, bool]) -> Label:
        """holds: whether each of `attributes` does."""
        return _RULES[self.operator]([holds[name] for name in self.attributes])


def parse(expression: str, known: Sequence[str], where: str) -> LabelRule:
    """DataError, beginning with `where`, for an attribute that is not known, given twice, or mixed operators."""
    used = [operator for operator in _OPERATORS if operator in expression]
    if len(used) > 1:
        raise DataError(f"{where}: label {expression!r}: mixes {' and '.join(used)}; use one of them")
    operator = used[0] if used else "*"
    names = tuple(name.strip() for name in expression.split(operator))
    for name in names:
        require_attribute(where, name, known)
    if len(set(names)) < len(names):
        raise DataError(f"{where}: label {expression!r}: names an attribute twice")
    return LabelRule(names, _classes(names, operator), operator)


def require_attribute(where: str, attribute: str, names: Sequence[str]) -> None:
    """DataError with the nearest names, or all, unless `attribute` is one of `names`."""
    if attribute in names:
        return
    lowered = {name.lower(): name for name in names}
    near = [lowered[name] for name in difflib.get_close_matches(attribute.lower(), lowered, n=3, cutoff=0.5)]
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names)}"
    raise DataError(f"{where}: no attribute {attribute!r}; {hint}")


def _classes(names: tuple[str, ...], operator: str) -> tuple[str, ...]:
    if operator != "*":
        return names
    return tuple(", ".join(combination) for combination in product(*((f"not {name}", name) for name in names)))


def _combination(holds: Sequence[bool]) -> int:
    """As a binary number, the last attribute its lowest digit."""
    return sum(value << place for place, value in enumerate(reversed(holds)))


def _only_one(holds: Sequence[bool]) -> int:
    return holds.index(True) if sum(holds) == 1 else UNLABELLED


def _each(holds: Sequence[bool]) -> tuple[int, ...]:
    return tuple(map(int, holds))


_RULES: dict[str, Callable[[Sequence[bool]], Label]] = {"*": _combination, "|": _only_one, ",": _each}
