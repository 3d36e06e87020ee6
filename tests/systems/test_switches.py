"""The switches of progressive growing: what each leaves out, and that the rest trains."""

from typing import Any

import pytest
import torch
from torch import nn

from progan.engine.settings import OptimConfig
from progan.engine.trial import Trial
from progan.nn.equalized import EqualizedConv2d, EqualizedLinear
from progan.nn.minibatch import MinibatchStddev
from progan.nn.norm import PixelNorm
from progan.schedule import Phase
from progan.systems.settings.progan import ProganConfig
from progan.systems.system import System, set_phase
from progan.systems.table import build
from progan.types import DataSpec

DATA, PHASE = DataSpec((4, 8), 64, (), ""), Phase(2, 8, 0.3, 4, 0.01)
SMALL: dict[str, Any] = {"latent_dim": 8, "maps_base": 32, "maps_max": 8}

pytestmark = pytest.mark.usefixtures("one_thread")


def _built(**switches: object) -> System:
    torch.manual_seed(0)
    system = build(ProganConfig(**SMALL, **switches), DATA, 8)
    for network in system.networks.values():
        set_phase(network, PHASE)
    return system


def _named(network: nn.Module, kind: type[nn.Module]) -> list[str]:
    return [name for name, layer in network.named_modules() if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("switches", "optim"),
    [
        ({"pixel_norm": False}, {}),
        ({"stddev_group": None}, {}),
        ({"equalized": False}, {}),
        ({}, {"reset_at_fade": False, "ema_half_life_kimg": 0}),
        ({}, {"ema_ramp_up": 0.05}),
        ({"loss": {"name": "relativistic"}}, {}),
    ],
    ids=str,
)
def test_what_is_left_is_trained(switches: dict[str, Any], optim: dict[str, Any]) -> None:
    system = _built(**switches)
    trial = Trial(system, OptimConfig(**optim), PHASE, DATA, torch.device("cpu"))
    before = [parameter.clone() for parameter in system.generator.parameters()]
    for number in range(3):
        assert all(value.isfinite() for value in trial.play(number).values())
    assert any(not torch.equal(old, new) for old, new in zip(before, system.generator.parameters(), strict=True))


def test_labels_of_real_images_have_the_weight_of_all_labels_or_their_own() -> None:
    labelled = DataSpec((4, 8), 64, ("one", "other"), "")
    for settings, of_reals in (({}, 0.5), ({"label_real_weight": 2}, 2)):
        objectives = build(ProganConfig(**SMALL, label_weight=0.5, **settings), labelled, 8).objectives
        weights = {row.name: row.weight for row in objectives["discriminator"].rows if "label" in row.name}
        assert weights == {"label_real": of_reals, "label_fake": 0.5}
        assert {row.name: row.weight for row in objectives["generator"].rows}["label_fake"] == 0.5


def test_what_is_switched_off_is_gone() -> None:
    assert _named(_built().discriminator, MinibatchStddev)
    assert not _named(_built(stddev_group=None).discriminator, MinibatchStddev)
    assert len(_named(_built().generator, PixelNorm)) > 1
    assert _named(_built(pixel_norm=False).generator, PixelNorm) == ["normalize_latent"]


def test_without_an_equalized_rate_the_same_networks_begin_with_he_s_weights() -> None:
    equalized, plain = _built(), _built(equalized=False)
    latents, labels = torch.randn(4, 8), torch.full((4,), -1)
    images = equalized.generator(latents, labels)
    torch.testing.assert_close(plain.generator(latents, labels), images)
    scores = [system.discriminator(images, labels).score for system in (equalized, plain)]
    torch.testing.assert_close(*scores)
    layers = [one for one in plain.discriminator.modules() if isinstance(one, EqualizedConv2d | EqualizedLinear)]
    assert all(layer.scale == 1 for layer in layers)
    assert float(layers[0].weight.detach().std()) != pytest.approx(1, abs=0.05)
