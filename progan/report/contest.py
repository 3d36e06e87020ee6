"""Runs against each other: whose value of a metric is the best, among those that compare at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal

from progan.report.headline import Better, Headline, badness, overlap
from progan.report.records import Conditions

Key = tuple[str, ...]
Mark = Literal["", "best", "level"]  # level: its interval overlaps that of the best

SAME = (*Conditions._fields, "resolution")  # what must be equal, in the order of a key


@dataclass(frozen=True)
class Entry:
    """The place of one run in a row."""

    headline: Headline
    group: str  # a letter: values compare within a group; "" where all of the row do
    mark: Mark


@dataclass(frozen=True)
class Contest:
    """A metric of several runs."""

    metric: str
    title: str
    better: Better | None
    entries: tuple[Entry | None, ...]  # by run; None where it has no such metric
    note: str  # what differs between values that do not compare, else ""


def contests(of_runs: Sequence[Sequence[Headline]]) -> list[Contest]:
    """One for each metric that a run has, in the order in which they come."""
    names = list(dict.fromkeys(one.metric for found in of_runs for one in found))
    return [_contest([next((one for one in found if one.metric == name), None) for found in of_runs]) for name in names]


def _contest(row: Sequence[Headline | None]) -> Contest:
    present = [one for one in row if one is not None]
    keys = list(dict.fromkeys(_key(one) for one in present))
    letters = {key: ascii_uppercase[index % 26] if len(keys) > 1 else "" for index, key in enumerate(keys)}
    entries = [Entry(one, letters[_key(one)], _mark(one, present)) if one else None for one in row]
    first = present[0]
    return Contest(first.metric, first.title, first.better, tuple(entries), _note(keys))


def _key(one: Headline) -> Key:
    return (*one.last.conditions, str(one.last.resolution))


def _mark(one: Headline, present: Sequence[Headline]) -> Mark:
    """Of the value of one run among those of its group; a lone value is no winner."""
    rivals = [other for other in present if _key(other) == _key(one) and other.trained]
    if one.better is None or not one.trained or len(rivals) < 2 or (one.better == "match" and one.floor is None):
        return ""
    least = min(rivals, key=_badness)
    if _badness(one) == _badness(least):
        return "best"
    return "level" if overlap(one.last, least.last) else ""


def _badness(one: Headline) -> float:
    assert one.better is not None
    return badness(one.last, one.better, one.floor)


def _note(keys: Sequence[Key]) -> str:
    if len(keys) < 2:
        return ""
    differing = [name for index, name in enumerate(SAME) if len({key[index] for key in keys}) > 1]
    return f"These do not compare: {' and '.join(differing)} differ. Only values with the same letter do."
