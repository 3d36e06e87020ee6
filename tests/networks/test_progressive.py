import pytest
import torch

from progan.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator, feature_maps
from progan.nn.resample import downsample, upsample
from progan.systems.settings.progan import ProganConfig
from progan.systems.table import build
from progan.types import DataSpec

SMALL = {"base": 64, "maximum": 16}


def _labels(count: int) -> torch.Tensor:
    return torch.full((count,), -1)


def test_the_published_networks_have_23_1_million_parameters_each_at_1024_px() -> None:
    with torch.device("meta"):
        system = build(ProganConfig(), DataSpec((1024,), 1, (), ""), 1024)
    assert sum(p.numel() for p in system.generator.parameters()) == 23_079_115
    assert sum(p.numel() for p in system.discriminator.parameters()) == 23_087_249
    assert (system.latents.dim, system.group) == (512, 4)


def test_feature_maps_follow_the_published_table() -> None:
    table = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
    assert {resolution: feature_maps(resolution, 8192, 512) for resolution in table} == table


def test_generator_at_fade_0_is_the_smaller_network_doubled_and_at_fade_1_the_larger() -> None:
    generator = ProgressiveGenerator(16, latent_dim=8, **SMALL)
    z = torch.randn(3, 8)
    generator.set_growth(8, 1.0)
    smaller = generator(z, _labels(3))
    generator.set_growth(16, 0.0)
    assert torch.equal(generator(z, _labels(3)), upsample(smaller))
    generator.set_growth(16, 1.0)
    larger = generator(z, _labels(3))
    generator.set_growth(16, 0.25)
    torch.testing.assert_close(generator(z, _labels(3)), 0.75 * upsample(smaller) + 0.25 * larger)


def test_discriminator_at_fade_0_is_the_smaller_network_on_halved_images() -> None:
    discriminator = ProgressiveDiscriminator(16, **SMALL)
    images = torch.randn(4, 3, 16, 16)
    discriminator.set_growth(8, 1.0)
    smaller = discriminator(downsample(images), _labels(4)).score
    discriminator.set_growth(16, 0.0)
    assert torch.equal(discriminator(images, _labels(4)).score, smaller)
    discriminator.set_growth(16, 1.0)
    assert not torch.allclose(discriminator(images, _labels(4)).score, smaller)


def test_layers_beyond_the_resolution_get_no_gradient() -> None:
    generator = ProgressiveGenerator(16, latent_dim=8, **SMALL)
    generator.set_growth(8, 1.0)
    generator(torch.randn(2, 8), _labels(2)).sum().backward()
    assert all(p.grad is None for p in generator.blocks[1].parameters())
    assert all(p.grad is not None for p in generator.blocks[0].parameters())


def test_images_have_about_the_scale_of_data_before_training() -> None:
    generator = ProgressiveGenerator(32, latent_dim=64, **SMALL)
    assert 0.2 < generator(torch.randn(64, 64), _labels(64)).std().item() < 3


def test_labels_change_the_images_and_a_missing_label_is_a_zero_vector() -> None:
    generator = ProgressiveGenerator(8, latent_dim=8, num_classes=3, **SMALL)
    z = torch.randn(1, 8).expand(4, 8)
    images = generator(z, torch.tensor([0, 1, 2, -1]))
    assert len({image.sum().item() for image in images}) == 4
    verdict = ProgressiveDiscriminator(8, num_classes=3, **SMALL)(images, torch.tensor([0, 1, 2, -1]))
    assert verdict.score.shape == (4,)
    assert verdict.classes is not None
    assert verdict.classes.shape == (4, 3)


def test_a_resolution_the_network_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution 64"):
        ProgressiveGenerator(32, **SMALL).set_growth(64, 1.0)
