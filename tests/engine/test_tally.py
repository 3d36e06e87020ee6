"""Counted costs against costs known otherwise."""

from typing import Any

import pytest
import torch

from progan.engine.settings import OptimConfig
from progan.engine.tally import Tally, tally
from progan.engine.timing import time_rounds
from progan.engine.trial import Trial
from progan.nn import resample, winograd
from progan.nn.winograd import operations
from progan.schedule import Phase
from progan.systems.settings.progan import LogisticR1Loss, ProganConfig, WassersteinLoss
from progan.systems.settings.semi_supervised import SemiSupervisedConfig
from progan.systems.settings.vanilla import VanillaConfig
from progan.systems.system import System
from progan.systems.table import build
from progan.types import DataSpec

UNLABELLED = DataSpec((16,), 64, (), "")
LABELLED = DataSpec((28,), 64, tuple("0123456789"), "")


def _progan(loss: WassersteinLoss | LogisticR1Loss | None = None) -> System:
    config = ProganConfig(latent_dim=16, maps_base=256, maps_max=16, loss=loss or WassersteinLoss())
    return build(config, UNLABELLED, 16)


def _tally(system: System, batch: int = 8, **optim: object) -> Tally:
    return tally(system, OptimConfig(**optim), Phase(0, 16, 0.5, batch, 0.001), UNLABELLED)


def test_the_products_of_dense_networks_are_those_counted_by_hand() -> None:
    """Generator 100-200-784, discriminator 784-200-1 (one grey channel), 32 images, a play each."""
    config = VanillaConfig.model_validate({"networks": {"name": "dense", "channels": 1}})
    counted = tally(build(config, LABELLED, 28), OptimConfig(), Phase(0, 28, 1.0, 32, 0.001), LABELLED)
    generator = [100 * 200, 200 * 784]
    discriminator = [784 * 200, 200]
    d_play = sum(generator) + 2 * sum(discriminator) + 2 * (sum(discriminator) + discriminator[1])
    g_play = sum(generator) + sum(discriminator) * 2 + sum(generator) + generator[1]
    assert counted.flops == 2 * 32 * (d_play + g_play)
    biases = 200 + 784 + 200 + 1
    assert counted.gradient_bytes == 4 * (sum(generator) + sum(discriminator) + biases)


def test_a_lazy_penalty_costs_its_share() -> None:
    always, lazy, hardly = (_tally(_progan(LogisticR1Loss(every=every))).flops for every in (1, 16, 10**9))
    assert always > 1.5 * hardly
    assert lazy == pytest.approx(hardly + (always - hardly) / 16)


def test_a_penalty_on_half_of_the_images_saves_a_sixth_of_the_round() -> None:
    """Of the 18 passes through a network that a round has, 6 are the penalty's; here D is the larger one."""
    whole, half = (_tally(_progan(WassersteinLoss(penalty_share=share))).flops for share in (1.0, 0.5))
    assert 0.12 < 1 - half / whole < 0.25


def test_what_stays_between_rounds_is_weights_average_gradients_and_moments() -> None:
    system = _progan()
    counts = {role: sum(p.numel() for p in network.parameters()) for role, network in system.networks.items()}
    counted = _tally(system)
    assert counted.state_bytes == pytest.approx(4 * (5 * counts["generator"] + 4 * counts["discriminator"]), rel=0.02)


def test_memory_grows_with_the_batch_and_is_less_in_parts_and_in_half_precision() -> None:
    whole = _tally(_progan(), batch=64)
    assert _tally(_progan(), batch=128).peak_bytes > 1.8 * whole.peak_bytes
    parts = _tally(_progan(), batch=64, max_images_per_process={16: 16})
    assert parts.peak_bytes < 0.5 * whole.peak_bytes
    assert parts.flops == pytest.approx(whole.flops, rel=1e-3)
    assert _tally(_progan(), batch=64, precision="bf16").peak_bytes < 0.8 * whole.peak_bytes


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_precisions_of_other_devices_are_counted_too(precision: str) -> None:
    alike = {"tf32": "fp32", "fp16": "bf16"}[precision]
    assert _tally(_progan(), precision=precision) == _tally(_progan(), precision=alike)


def test_a_system_that_looks_at_real_images_first_is_counted() -> None:
    config = SemiSupervisedConfig.model_validate(
        {"networks": {"name": "dense", "channels": 1, "discriminator_layers": {"weight_norm": True}}}
    )
    counted = tally(build(config, LABELLED, 28), OptimConfig(), Phase(0, 28, 1.0, 20, 0.001), LABELLED)
    assert counted.flops > 0


def test_rounds_are_timed_by_kind(one_thread: None) -> None:
    """A lazy penalty's rounds are played beside those without it; the budget bounds what is played."""
    system = build(ProganConfig(latent_dim=8, maps_base=64, maps_max=8, loss=LogisticR1Loss(every=4)), UNLABELLED, 16)
    trial = Trial(system, OptimConfig(), Phase(0, 16, 1.0, 4, 0.001), UNLABELLED, torch.device("cpu"))
    played: list[int] = []
    play = trial.play
    trial.play = lambda number: (played.append(number), play(number))[1]  # type: ignore[func-returns-value, method-assign]
    timing = time_rounds(trial, torch.device("cpu"), 0.0)
    assert played == [0, 1]
    assert timing.rounds == 2
    assert timing.seconds > 0
    assert timing.peak_bytes is None


def test_an_algorithm_with_fewer_multiplications_is_no_less_work(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ProganConfig(latent_dim=16, maps_base=4096, maps_max=128)

    def counted() -> float:
        return _tally(build(config, UNLABELLED, 16), batch=16).flops

    monkeypatch.setattr(resample, "FUSED_FROM", 4)  # where it pays they are one at any size
    used: dict[str, bool] = {}
    pays = operations._pays

    def noted(kind: winograd.Kind, *rest: Any) -> bool:
        used[kind] = pays(kind, *rest) or used.get(kind, False)
        return pays(kind, *rest)

    monkeypatch.setattr(operations, "_pays", noted)
    by_tiles = counted()
    assert used == {"same": True, "halved": True, "doubled": True}
    monkeypatch.setattr(operations, "_pays", lambda *_: False)
    assert by_tiles == pytest.approx(counted(), rel=2e-3)  # whose taps of 4x4 are made by products too
