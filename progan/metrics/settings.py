"""What is measured while training."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from progan.config import Settings
from progan.metrics import parse
from progan.types import ConfigError


class EvaluationConfig(Settings):
    """What is measured while training."""

    metrics: tuple[str, ...] = ("swd16k",)  # by protocol name
    every_kimg: Annotated[float, Field(ge=0.001)] = 400.0  # thousands of images seen between measurements
    in_training: bool = True  # False: training goes on at once, and progan evaluate RUN --due measures beside it
    seeds: Annotated[int, Field(ge=1, le=10)] = 1  # sets of generated images measured; from 2 on with an interval
    # The Inception network's; null: PROGAN_INCEPTION_WEIGHTS, then torch-fidelity's cache, then the web.
    weights: Path | None = None
    network: Path | None = None  # in place of Inception, made by progan classifier: results are named for it, not FID
    cache: Path | None = None  # of real features and floors; null: ~/.cache/progan/metrics

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                parse(name)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return names
