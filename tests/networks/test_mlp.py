import pytest
import torch
from torch import Tensor

from progan.networks.mlp import MlpDiscriminator, MlpGenerator


def _dense(layer: torch.nn.Module, x: Tensor) -> Tensor:
    return x @ layer.weight.T + layer.bias


def test_the_generator_is_rectified_layers_and_a_sigmoid_painted_in_three_colours() -> None:
    torch.manual_seed(0)
    generator, latents = MlpGenerator(4, 6, (5, 7), channels=1), torch.randn(3, 6)
    x = latents
    for layer in generator.hidden:
        x = _dense(layer[0], x).clamp(min=0)
    expected = 2 / (1 + torch.exp(-_dense(generator.output, x))) - 1
    images = generator(latents, torch.full((3,), -1))
    assert images.shape == (3, 3, 4, 4)
    for channel in range(3):
        torch.testing.assert_close(images[:, channel].flatten(1), expected)


def test_the_last_coordinates_of_the_latent_enter_beside_the_hidden_layers() -> None:
    torch.manual_seed(0)
    generator, latents = MlpGenerator(4, 9, (5, 7), num_classes=2, noise=2), torch.randn(3, 9)
    labels = torch.tensor([0, 1, -1])
    given = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    x = torch.cat([latents[:, :5], given], dim=1)
    x = torch.cat([_dense(generator.hidden[0][0], x).clamp(min=0), latents[:, 5:7]], dim=1)
    x = torch.cat([_dense(generator.hidden[1][0], x).clamp(min=0), latents[:, 7:]], dim=1)
    expected = 2 * torch.sigmoid(_dense(generator.output, x)) - 1
    torch.testing.assert_close(generator(latents, labels).flatten(1), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_discriminator_sees_pixels_from_0_to_1_beside_the_label(channels: int) -> None:
    torch.manual_seed(0)
    discriminator = MlpDiscriminator(4, (5,), channels, num_classes=2)
    images, labels = torch.rand(3, 3, 4, 4) * 2 - 1, torch.tensor([1, 0, -1])
    seen = images.mean(dim=1, keepdim=True) if channels == 1 else images
    x = torch.cat([(seen.flatten(1) + 1) / 2, torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])], dim=1)
    features = _dense(discriminator.hidden[0][0], x).clamp(min=0)
    verdict = discriminator(images, labels)
    torch.testing.assert_close(verdict.features, features)
    torch.testing.assert_close(verdict.score, _dense(discriminator.head.output, features)[:, 0])
