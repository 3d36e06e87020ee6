"""What several values of one quantity say of its mean."""

from collections.abc import Sequence
from statistics import fmean, stdev

# Student's t for 95 %, two-sided, by degrees of freedom from 1 on: of 2 to 10 values.
_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def confidence_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % for the mean of at most 10 values that vary normally; None of a single one."""
    if len(values) < 2:
        return None
    reach = _QUANTILES[len(values) - 2] * stdev(values) / len(values) ** 0.5
    return fmean(values) - reach, fmean(values) + reach
