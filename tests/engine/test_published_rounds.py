"""Rounds beside the published recipe (arXiv 1710.10196, its official code), written out in torch's own operations."""

import math
from collections.abc import Mapping

import pytest
import torch
from drawn_images import RandomImages
from torch import Tensor
from torch.nn import functional as F

from progan.distributed.world import World
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.train import start, train
from progan.random import generator
from progan.sampling.latents import draw_labels, draw_latents
from progan.schedule import ProgressiveConfig, progressive
from progan.systems.settings.progan import ProganConfig, WassersteinLoss
from progan.systems.system import System
from progan.systems.table import build
from progan.types import DataSpec

Weights = Mapping[str, Tensor]
SQRT2, SEED = math.sqrt(2), 5
DATA = DataSpec((4, 8, 16), 64, ("one", "other"), "none")
SMALL = {"latent_dim": 8, "maps_base": 64, "maps_max": 8}
BATCH = {4: 16, 8: 8, 16: 8}
GROWTH = ProgressiveConfig(resolution=16, fade_kimg=0.032, stable_kimg=0.032, batch=BATCH, lr={16: 0.002})
ENTERED = {32: (8, True), 64: (8, False), 96: (16, True), 128: (16, False)}  # images seen: resolution, does it fade in
END, HALF_LIFE = 160, 10_000  # images
PARTS = {4: 8, 8: 4, 16: 4}  # largest, by resolution
REALS = RandomImages(labelled=16)  # all of them


def conv(x: Tensor, weights: Weights, name: str, gain: float = SQRT2) -> Tensor:
    weight = weights[f"{name}.weight"]
    scaled = weight * gain / math.sqrt(weight[0].numel())
    return F.conv2d(x, scaled, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)


def dense(x: Tensor, weights: Weights, name: str, gain: float = SQRT2) -> Tensor:
    weight = weights[f"{name}.weight"]
    return x @ (weight * gain / math.sqrt(weight.shape[1])).T


def act(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def pixel_norm(x: Tensor) -> Tensor:
    return x / torch.sqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def paint(weights: Weights, latents: Tensor, labels: Tensor, resolution: int, fade: float) -> Tensor:
    newest = resolution.bit_length() - 3
    x = pixel_norm(torch.cat([latents, F.one_hot(labels, 2).to(latents.dtype)], dim=1))
    x = dense(x, weights, "stem.dense", SQRT2 / 4).view(len(x), -1, 4, 4) + weights["stem.bias"]
    x = pixel_norm(act(conv(pixel_norm(act(x)), weights, "stem.conv")))
    before = x
    for index in range(newest):
        before = x
        x = pixel_norm(act(conv(double(x), weights, f"blocks.{index}.conv0")))
        x = pixel_norm(act(conv(x, weights, f"blocks.{index}.conv1")))
    images = conv(x, weights, f"to_rgb.{newest}", gain=1)
    if newest and fade < 1:
        images = fade * images + (1 - fade) * double(conv(before, weights, f"to_rgb.{newest - 1}", gain=1))
    return images


def judge(weights: Weights, images: Tensor, resolution: int, fade: float) -> tuple[Tensor, Tensor]:
    """Scores, and logits of the classes."""
    newest = resolution.bit_length() - 3
    x = act(conv(images, weights, f"from_rgb.{newest}"))
    for index in reversed(range(newest)):
        x = act(conv(x, weights, f"blocks.{index}.conv0"))
        x = act(F.avg_pool2d(conv(x, weights, f"blocks.{index}.conv1"), 2))
        if index == newest - 1 and fade < 1:
            smaller = act(conv(F.avg_pool2d(images, 2), weights, f"from_rgb.{index}"))
            x = fade * x + (1 - fade) * smaller
    deviation = torch.cat([four.var(dim=0, correction=0).add(1e-8).sqrt().mean().view(1) for four in x.split(4)])
    x = torch.cat([x, deviation.repeat_interleave(4).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)], dim=1)
    x = act(conv(x, weights, "head.conv")).flatten(1)
    x = act(dense(x, weights, "head.dense") + weights["head.dense.bias"])
    output = dense(x, weights, "head.output", gain=1) + weights["head.output.bias"]
    return output[:, 0], output[:, 1:]


class Published:
    """The players, the average and the clock."""

    def __init__(self, system: System, penalised: Mapping[int, list[int]]) -> None:
        """penalised: batch -> images of it in the penalty."""
        self.penalised = penalised
        self.space, self.labels = system.latents, system.labels
        self.generator, self.discriminator = (
            {name: held.detach().clone().requires_grad_() for name, held in network.named_parameters()}
            for network in (system.generator, system.discriminator)
        )
        self.average = {name: held.detach().clone() for name, held in self.generator.items()}
        self.seen, self.resolution, self.fading = 0, 4, False
        self.reset()

    def reset(self) -> None:
        self.adams = {
            id(player): torch.optim.Adam(player.values(), lr=0.001, betas=(0.0, 0.99), eps=1e-8)
            for player in (self.generator, self.discriminator)
        }

    @property
    def fade(self) -> float:
        return (self.seen - max(at for at in ENTERED if at <= self.seen)) / 32 if self.fading else 1.0

    def round(self) -> None:
        if self.seen in ENTERED:
            self.resolution, self.fading = ENTERED[self.seen]
            self.reset()
        batch = BATCH[self.resolution]
        factor = 0.5 ** (batch / HALF_LIFE)
        for name, held in self.generator.items():
            self.average[name] = factor * self.average[name] + (1 - factor) * held.detach()
        self.step(self.discriminator, self.discriminator_loss(batch))
        self.step(self.generator, self.generator_loss(batch))
        self.seen += batch

    def fakes(self, play: int, batch: int) -> tuple[Tensor, Tensor]:
        latents = draw_latents(SEED, f"latents-{play}", self.seen, batch, self.space)
        labels = draw_labels(SEED, f"labels-{play}", self.seen, batch, self.labels)
        return paint(self.generator, latents, labels, self.resolution, self.fade), labels

    def reals(self, batch: int) -> tuple[Tensor, Tensor]:
        stored = REALS.batch(self.resolution, self.seen, batch, slice(None))
        mirror = torch.rand(batch, generator=generator(SEED, "mirror", self.seen)) < 0.5
        images = torch.where(mirror.view(-1, 1, 1, 1), stored.images.flip(3), stored.images) / 127.5 - 1
        return self.fade * images + (1 - self.fade) * double(F.avg_pool2d(images, 2)), stored.labels

    def discriminator_loss(self, batch: int) -> Tensor:
        fake, asked = self.fakes(0, batch)
        fake, (real, known) = fake.detach(), self.reals(batch)
        on_real, real_classes = judge(self.discriminator, real, self.resolution, self.fade)
        on_fake, fake_classes = judge(self.discriminator, fake, self.resolution, self.fade)
        share = torch.rand(batch, generator=generator(SEED, "mixing", self.seen)).view(-1, 1, 1, 1)
        mix = (real + share * (fake - real)).requires_grad_()
        scores = judge(self.discriminator, mix[self.penalised[batch]], self.resolution, self.fade)[0]
        (gradient,) = torch.autograd.grad(scores.sum(), mix, create_graph=True)
        penalty = (gradient[self.penalised[batch]].square().sum(dim=(1, 2, 3)).sqrt() - 1).square().mean()
        classes = F.cross_entropy(real_classes, known) + F.cross_entropy(fake_classes, asked)
        return on_fake.mean() - on_real.mean() + 10 * penalty + 0.001 * on_real.square().mean() + classes

    def generator_loss(self, batch: int) -> Tensor:
        fake, asked = self.fakes(1, batch)
        scores, classes = judge(self.discriminator, fake, self.resolution, self.fade)
        return F.cross_entropy(classes, asked) - scores.mean()

    def step(self, player: dict[str, Tensor], loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, list(player.values()), allow_unused=True)
        for held, gradient in zip(player.values(), gradients, strict=True):
            held.grad = gradient
        for group in self.adams[id(player)].param_groups:
            group["lr"] = 0.002 if self.resolution == 16 else 0.001
        self.adams[id(player)].step()


@pytest.mark.parametrize(("parts", "share"), [({}, 1.0), (PARTS, 1.0), (PARTS, 0.5)])
def test_training_with_the_defaults_is_the_published_one_through_two_fades(parts: dict[int, int], share: float) -> None:
    """With half of a batch in the penalty it is every other group of four."""
    groups = range(0, 16, 4 if share == 1 else 8)
    penalised = {batch: [one + first for first in groups if first < batch for one in range(4)] for batch in (16, 8)}
    torch.manual_seed(0)
    system = build(ProganConfig(loss=WassersteinLoss(penalty_share=share), **SMALL), DATA, 16)
    published = Published(system, penalised)
    optim = OptimConfig(max_images_per_process=parts)
    training = start(system, optim)
    rules = Rules(SEED, optim, True, 8, World(), torch.device("cpu"))
    for tick in train(training, progressive(GROWTH, optim.lr), REALS, rules):
        while published.seen < tick.images_seen:
            published.round()
        held = {"G": (system.generator, published.generator), "D": (system.discriminator, published.discriminator)}
        for role, (network, plain) in (held | {"average": (training.average, published.average)}).items():
            for name, parameter in network.named_parameters():
                which = f"{role} {name} at {tick.images_seen} images"
                near = 1e-6 if role == "average" else 1e-4  # it moves by a thousandth of what the generator does
                torch.testing.assert_close(
                    parameter, plain[name], rtol=1e-3, atol=near, msg=lambda text, which=which: f"{which}: {text}"
                )
    assert published.seen == tick.images_seen == END
