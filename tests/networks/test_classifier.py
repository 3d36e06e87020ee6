import pytest
import torch

from progan.config import validate
from progan.networks.classifier import Classifier, ClassifierConfig, resized
from progan.types import ConfigError

SMALL = ClassifierConfig(resolution=16, features=32)


def test_larger_images_are_averaged_over_squares_and_smaller_ones_doubled() -> None:
    images = torch.randn(2, 3, 32, 32)
    squares = images.view(2, 3, 8, 4, 8, 4).mean(dim=(3, 5))
    torch.testing.assert_close(resized(images, 8), squares)
    doubled = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(resized(images, 64), doubled)
    assert torch.equal(resized(images, 32), images)


@pytest.mark.parametrize("side", [4, 16, 128])
def test_images_of_any_size_have_features_of_one_width_and_a_logit_a_class(side: int) -> None:
    features, logits = Classifier(5, SMALL)(torch.randn(2, 3, side, side))
    assert (features.shape, logits.shape) == ((2, 32), (2, 5))


def test_what_is_said_of_an_image_does_not_depend_on_the_others_even_while_learning() -> None:
    classifier, images = Classifier(3, SMALL).train(), torch.randn(6, 3, 16, 16)
    together = classifier(images)
    apart = [classifier(image[None]) for image in images]
    for whole, parts in zip(together, zip(*apart, strict=True), strict=True):
        torch.testing.assert_close(whole, torch.cat(parts))


def test_every_weight_learns() -> None:
    classifier = Classifier(3, SMALL)
    torch.nn.functional.cross_entropy(classifier(torch.randn(8, 3, 16, 16))[1], torch.arange(8) % 3).backward()
    assert all(float(weight.grad.abs().sum()) > 0 for weight in classifier.parameters() if weight.grad is not None)
    assert all(weight.grad is not None for weight in classifier.parameters())


@pytest.mark.parametrize("wrong", [{"resolution": 33}, {"resolution": 4}, {"features": 24}])
def test_a_size_that_cannot_be_is_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"^{next(iter(wrong))}: "):
        validate(ClassifierConfig, wrong)
