import pytest
import torch

from progan.losses.adversarial import LogisticGenerator, MinimaxGenerator
from progan.systems.settings import read_config
from progan.systems.settings.vanilla import VanillaConfig
from progan.systems.table import build
from progan.types import Batch, ConfigError, DataSpec

DATA = DataSpec(resolutions=(28,), count=64, classes=("0", "1"), fingerprint="none")


def test_the_discriminator_plays_k_times_on_reals_of_its_own_and_then_the_generator_once() -> None:
    system = build(VanillaConfig(discriminator_steps=3), DATA, 28)
    assert [(play.player, play.reads) for play in system.plays()] == [
        ("discriminator", 0),
        ("discriminator", 1),
        ("discriminator", 2),
        ("generator", None),
    ]


def test_the_form_of_the_generators_loss_is_chosen_and_named_in_the_logs() -> None:
    for form, name, term in (
        ("minimax", "minimax", MinimaxGenerator),
        ("non-saturating", "logistic", LogisticGenerator),
    ):
        objective = build(VanillaConfig(loss=form), DATA, 28).objectives["generator"]
        assert {key: type(value) for key, value in objective.terms.items()} == {name: term}


@pytest.mark.parametrize("networks", [{"channels": 1}, {"name": "convolutional", "channels": 1}])
def test_either_kind_of_networks_paints_and_judges_whatever_the_labels(networks: dict[str, object]) -> None:
    torch.manual_seed(0)
    system = build(read_config({"name": "vanilla", "networks": networks, "latent_dim": 7}), DATA, 28)
    latents = torch.randn(4, system.latents.dim)
    batches = [Batch(system.generator(latents, labels), labels) for labels in torch.tensor([[0] * 4, [1] * 4])]
    assert batches[0].images.shape == (4, 3, 28, 28)
    assert batches[0].images.abs().max() <= 1
    torch.testing.assert_close(batches[0].images, batches[1].images)
    scores = [system.discriminator(batch.images, batch.labels).score for batch in batches]
    torch.testing.assert_close(scores[0], scores[1])


def test_convolutions_that_do_not_lead_to_the_resolution_are_refused() -> None:
    config = read_config({"name": "vanilla", "networks": {"name": "convolutional", "generator": [[3, 8], [9, 8]]}})
    with pytest.raises(ConfigError, match=r"^system\.networks\.generator: "):
        build(config, DATA, 28)
