"""GAN-CLS: what its networks read, and which data and settings it refuses."""

import itertools

import pytest
import torch

from progan.config import validate
from progan.systems.settings.gan_cls import GanClsConfig
from progan.systems.settings.networks import ConvolutionalNetworks
from progan.systems.table import build
from progan.types import ConfigError, DataSpec

SIZE = 8  # pixels
NAMES = ("Smiling", "Male", "Wearing_Hat")
EVERY = tuple("".join(held) for held in itertools.product("01", repeat=3))
FACES = DataSpec((SIZE,), 64, NAMES, "none", combinations=EVERY)
CONFIG = GanClsConfig(latent_dim=4, networks=ConvolutionalNetworks(generator=((2, 8), (4, 8)), discriminator=(4, 8)))


def test_both_networks_read_the_caption_each_by_a_reader_of_its_own() -> None:
    torch.manual_seed(0)
    system = build(CONFIG, FACES, SIZE)
    generator, discriminator = (network.eval() for network in (system.generator, system.discriminator))
    latents, one, other = torch.randn(2, 4), torch.tensor([[1, 0, 0]] * 2), torch.tensor([[1, 0, 1]] * 2)
    images = generator(latents, one)
    assert images.shape == (2, 3, SIZE, SIZE)
    assert torch.equal(images, generator(latents, one))
    assert not torch.equal(images, generator(latents, other))
    assert not torch.equal(discriminator(images, one).score, discriminator(images, other).score)
    shared = {id(parameter) for parameter in generator.parameters()}
    assert shared.isdisjoint(id(parameter) for parameter in discriminator.parameters())


def test_a_text_begins_smaller_than_a_latent() -> None:
    """Else the generator looks at nothing but the text."""
    torch.manual_seed(0)
    system = build(GanClsConfig(), DataSpec((28,), 64, NAMES, "none", combinations=EVERY), 28)
    labels = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]])
    for network in (system.generator, system.discriminator):
        texts = network.text(labels)
        assert 0 < texts.std(dim=0).mean() < 0.3
        assert not network.text.words.weight[0].any()  # the word that is none


def test_wordings_change_while_a_network_learns() -> None:
    torch.manual_seed(0)
    text = build(CONFIG, FACES, SIZE).generator.text
    labels = torch.tensor([[1, 1, 1]] * 32)
    assert len(text(labels).unique(dim=0)) > 10
    assert len(text.eval()(labels).unique(dim=0)) == 1


def test_it_cannot_be_played_in_parts_since_wrong_texts_are_those_of_others() -> None:
    plain = CONFIG.model_copy(update={"networks": CONFIG.networks.model_copy(update={"norm": "none"})})
    assert plain.indivisible


def test_one_class_an_image_and_virtual_batch_norm_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^data\.path: its images have one class each, .*--label Smiling,Male$"):
        build(CONFIG, DataSpec((SIZE,), 64, NAMES, "none"), SIZE)
    with pytest.raises(ConfigError, match=r"^.*norm is virtual, and its reference batch has no captions; take batch"):
        validate(GanClsConfig, {"networks": {"norm": "virtual"}})
