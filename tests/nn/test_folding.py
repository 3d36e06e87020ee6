import pytest
import torch

from progan.networks.dcgan import DcganGenerator, Level
from progan.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from progan.nn.equalized import EqualizedConv2d, EqualizedLinear
from progan.nn.folding import folded


@pytest.mark.parametrize(("resolution", "fade"), [(4, 1.0), (8, 0.3), (16, 0.7), (32, 1.0)])
def test_a_folded_generator_is_the_same_function_in_torchs_own_layers(resolution: int, fade: float) -> None:
    generator = ProgressiveGenerator(32, latent_dim=8, num_classes=3, base=128, maximum=8)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    generator.set_growth(resolution, fade)
    latents, labels = torch.randn(5, 8), torch.tensor([0, 1, 2, -1, 1])
    plain = folded(generator)
    with torch.no_grad():
        torch.testing.assert_close(plain(latents, labels), generator(latents, labels), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, EqualizedConv2d | EqualizedLinear) for layer in plain.modules())
    assert not any(parameter.requires_grad for parameter in plain.parameters())


def test_the_network_itself_stays_as_it_is() -> None:
    generator = ProgressiveGenerator(8, latent_dim=4, base=32, maximum=8)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    folded(generator)
    assert generator.training
    assert all(parameter.requires_grad for parameter in generator.parameters())
    after = generator.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_layers_with_nothing_to_fold_are_kept() -> None:
    generator = DcganGenerator(28, 10, [Level(7, 8), Level(14, 4)]).eval()
    latents, labels = torch.randn(3, 10), torch.full((3,), -1)
    assert torch.equal(folded(generator)(latents, labels), generator(latents, labels))


def test_a_discriminators_halving_layers_are_left_as_they_are() -> None:
    discriminator = ProgressiveDiscriminator(32, base=128, maximum=8)
    images, labels = torch.randn(4, 3, 32, 32), torch.full((4,), -1)
    plain = folded(discriminator)(images, labels).score
    torch.testing.assert_close(plain, discriminator(images, labels).score, rtol=1e-4, atol=1e-4)
