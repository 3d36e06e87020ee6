"""Pairs of dense networks as their settings describe them."""

import pytest
import torch
from torch import nn

from progan.systems.dense import build
from progan.systems.pair import Shape
from progan.systems.settings.networks import DenseNetworks, DiscriminatorLayers, GeneratorLayers
from progan.types import ConfigError, LatentSpace

UNLABELLED = torch.full((64,), -1)
# The networks of arXiv 1606.03498 for digits whose pixels' order is not known.
INVARIANT = DenseNetworks(
    channels=1,
    generator=(500, 500),
    generator_layers=GeneratorLayers(activation="softplus", batch_norm=True, weight_norm=True),
    discriminator=(1000, 500, 250, 250, 250),
    discriminator_layers=DiscriminatorLayers(input_noise=0.3, noise=0.5, weight_norm=True),
    deviation=None,
    bias=0,
)


def _sizes(network: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


def _images() -> torch.Tensor:
    return torch.rand(64, 3, 28, 28) * 2 - 1


def test_the_defaults_are_the_mnist_variant() -> None:
    torch.manual_seed(0)
    pair = build(DenseNetworks(channels=1), Shape(28, LatentSpace(100)))
    assert _sizes(pair.generator) == [(100, 200), (200, 784)]
    assert _sizes(pair.discriminator) == [(784, 200), (200, 1)]
    assert not DenseNetworks().indivisible
    assert not DenseNetworks().draws
    assert DenseNetworks.model_validate({"discriminator_layers": {"dropout": 0.5}}).draws
    for network in (pair.generator, pair.discriminator):
        weights = torch.cat([p.flatten() for name, p in network.named_parameters() if name.endswith("weight")])
        assert weights.abs().max() <= 0.02
        assert weights.std().item() == pytest.approx(0.0088, rel=0.02)  # a normal of 0.01 cut at two deviations
        assert all((p == 0.1).all() for name, p in network.named_parameters() if name.endswith("bias"))


def test_each_network_can_begin_with_weights_of_its_own_size() -> None:
    wide, narrow = GeneratorLayers(deviation=0.05), DiscriminatorLayers(deviation=0.005)
    pair = build(DenseNetworks(generator_layers=wide, discriminator_layers=narrow, bias=0), Shape(8, LatentSpace(100)))
    for network, deviation in ((pair.generator, 0.05), (pair.discriminator, 0.005)):
        largest = max(parameter.abs().max().item() for parameter in network.parameters())
        assert largest == pytest.approx(2 * deviation, rel=0.01)
    he = build(DenseNetworks(bias=0, deviation=None), Shape(28, LatentSpace(100))).generator.hidden[0][0].weight
    assert he.std().item() == pytest.approx((2 / 100) ** 0.5, rel=0.03)


def test_maxout_units_and_dropout_make_the_first_discriminator() -> None:
    layers = DiscriminatorLayers(pieces=5, input_dropout=0.2, dropout=0.5)
    pair = build(
        DenseNetworks(channels=1, discriminator=(240, 240), discriminator_layers=layers), Shape(28, LatentSpace(100))
    )
    assert _sizes(pair.discriminator) == [(784, 1200), (240, 1200), (240, 1)]
    assert [m.p for m in pair.discriminator.modules() if isinstance(m, nn.Dropout)] == [0.2, 0.5, 0.5]
    features = pair.discriminator(_images(), UNLABELLED).features
    assert features is not None
    assert (features == 0).double().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "layers", [DiscriminatorLayers(input_dropout=0.5), DiscriminatorLayers(noise=0.1), DiscriminatorLayers(dropout=0.1)]
)
def test_what_disturbs_the_discriminator_is_absent_in_evaluation(layers: DiscriminatorLayers) -> None:
    torch.manual_seed(0)
    images = _images()
    disturbed = build(
        DenseNetworks(discriminator_layers=layers, deviation=None), Shape(28, LatentSpace(4))
    ).discriminator
    assert not torch.equal(disturbed(images, UNLABELLED).score, disturbed(images, UNLABELLED).score)
    plain = build(DenseNetworks(deviation=None), Shape(28, LatentSpace(4))).discriminator
    plain.load_state_dict(dict(zip(plain.state_dict(), disturbed.state_dict().values(), strict=True)))
    torch.testing.assert_close(disturbed.eval()(images, UNLABELLED).score, plain.eval()(images, UNLABELLED).score)


def test_the_permutation_invariant_networks_have_the_published_sizes_and_lengths() -> None:
    pair = build(INVARIANT, Shape(28, LatentSpace(100), classes=10, from_classes=True))
    assert _sizes(pair.generator) == [(100, 500), (500, 500), (500, 784)]
    assert _sizes(pair.discriminator) == [(784, 1000), (1000, 500), (500, 250), (250, 250), (250, 250), (250, 10)]
    assert INVARIANT.indivisible
    assert pair.joint
    lengths = [p.requires_grad for n, p in pair.discriminator.named_parameters() if n.endswith("original0")]
    assert lengths == [False] * 5 + [True]


def test_the_first_reals_give_every_unit_of_a_normalised_discriminator_mean_zero_and_deviation_one() -> None:
    torch.manual_seed(0)
    quiet = INVARIANT.model_copy(update={"discriminator_layers": DiscriminatorLayers(weight_norm=True)})
    pair, images = build(quiet, Shape(28, LatentSpace(100), classes=10, from_classes=True)), _images()
    assert pair.calibrate is not None
    pair.calibrate(images)
    classes = pair.discriminator(images, UNLABELLED).classes
    torch.testing.assert_close(classes.mean(dim=0), torch.zeros(10), rtol=0, atol=1e-4)
    torch.testing.assert_close(classes.std(dim=0, correction=0), torch.ones(10), rtol=0, atol=1e-4)


def test_a_latent_too_small_for_the_noise_of_the_hidden_layers_is_refused() -> None:
    networks = DenseNetworks(generator=(8, 8), generator_layers=GeneratorLayers(noise=5))
    networks.check(8, 11)
    with pytest.raises(ConfigError, match=r"^system\.networks\.generator_layers\.noise: 10 of 10 coordinates"):
        networks.check(8, 10)
