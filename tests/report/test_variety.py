"""Variety is judged by its last value and by where it comes from."""

from typing import Any

import pytest
from made_runs import measurement

from progan.report.headline import headlines
from progan.report.records import Measurement
from progan.report.variety import variety


def _states(*records: dict[str, Any]) -> list[str]:
    found = headlines([Measurement.model_validate(record) for record in records])
    return [one.state for one in variety({one.family: one for one in found}) if one.value is not None]


@pytest.mark.parametrize(
    ("metric", "floor", "values", "state"),
    [
        ("spread1k", 10.0, [0.1, 2.0], "watch"),  # from the untrained generator's on
        ("spread1k", 10.0, [0.1, 2.0, 2.1], "bad"),
        ("spread1k", 10.0, [0.1, 2.0, 2.5], "watch"),
        ("spread1k", 10.0, [0.1, 9.0, 3.0], "bad"),  # what it had it has lost
        ("msssim1k", 0.2, [0.99, 0.9, 0.7], "watch"),
        ("msssim1k", 0.2, [0.99, 0.9, 0.88], "bad"),
        ("msssim1k", 0.2, [0.1, 0.9], "bad"),  # noise is varied, too
        ("ndb1k", 0.02, [1.0, 1.0], "bad"),
    ],
)
def test_a_variety_that_still_grows_has_not_collapsed(
    metric: str, floor: float, values: list[float], state: str
) -> None:
    records = [measurement(metric, value, 1000 * index, 8) | {"floor": floor} for index, value in enumerate(values)]
    assert _states(*records) == [state]


def test_variety_at_another_resolution_says_nothing_of_a_gain() -> None:
    small, large = measurement("spread1k", 1.0, 1000, 4), measurement("spread1k", 3.0, 2000, 8)
    assert _states(small | {"floor": 10.0}, large | {"floor": 10.0}) == ["bad"]
