from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from progan.engine.rounds import RealImages, calibrate


def test_what_calibration_draws_is_decided_by_the_seed_alone(setup: Callable[[], Any], reals: RealImages) -> None:
    made = setup()
    drawn: list[Tensor] = []
    system = replace(made.fresh().system, calibrate=lambda images: drawn.append(torch.randn(4)))
    for seed in (0, 0, 1):
        torch.rand(len(drawn))  # what other code draws before does not matter
        calibrate(system, made.schedule(0), reals, replace(made.rules, seed=seed))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
