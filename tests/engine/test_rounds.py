"""Whole rounds of both players."""

import pytest
import torch

from progan.engine.settings import OptimConfig
from progan.engine.trial import Trial
from progan.nn.winograd import operations
from progan.schedule import Phase
from progan.systems.settings.progan import ProganConfig
from progan.systems.table import build
from progan.types import DataSpec

UNLABELLED = DataSpec((16,), 64, (), "")


def test_by_winograds_algorithm_they_are_those_by_torchs_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of both players with their penalty: of D, and of G after D's update."""
    config = ProganConfig(latent_dim=16, maps_base=4096, maps_max=128)

    def losses() -> dict[str, float]:
        torch.manual_seed(0)
        trial = Trial(
            build(config, UNLABELLED, 16),
            OptimConfig(),
            Phase(0, 16, 0.5, 16, 0.001),
            UNLABELLED,
            torch.device("cpu"),
        )
        torch.manual_seed(1)
        return {name: value.item() for name, value in trial.play(0).items()}

    by_tiles = losses()
    monkeypatch.setattr(operations, "_pays", lambda *_: False)
    assert by_tiles == pytest.approx(losses(), rel=1e-3, abs=1e-4)
