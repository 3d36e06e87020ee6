"""Systems whose generator is given a label: what their networks look at, what they minimise, whether they learn it."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.distributed.world import World
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.train import start, train
from progan.losses.objective import Round
from progan.random import generator
from progan.schedule import ConstantConfig, constant
from progan.systems.settings import SystemConfig
from progan.systems.settings.acgan import AcganConfig
from progan.systems.settings.conditional import ConditionalConfig
from progan.systems.settings.gan_cls import GanClsConfig
from progan.systems.settings.networks import ConvolutionalNetworks, DenseNetworks
from progan.systems.system import System
from progan.systems.table import build
from progan.types import Batch, ConfigError, DataSpec

SIZE = 4  # pixels
CLASSES = DataSpec((SIZE,), 64, ("left", "right"), "none")
SEVERAL = DataSpec((SIZE,), 64, ("left", "right"), "none", combinations=("00", "01", "10", "11"))
DENSE = DenseNetworks(channels=1, generator=(32, 32), discriminator=(32, 32), deviation=0.2, bias=0)
CONVOLUTIONAL = ConvolutionalNetworks(generator=((1, 8), (2, 4)), discriminator=(4, 8))
NORMED = ConvolutionalNetworks(generator=((1, 32), (2, 32)), discriminator=(16, 32), deviation=0.05)
SYSTEMS = [
    kind(latent_dim=4, networks=networks)
    for kind in (ConditionalConfig, AcganConfig)
    for networks in (DENSE, CONVOLUTIONAL)
]
BOTH_SYSTEMS = pytest.mark.parametrize("config", SYSTEMS, ids=lambda c: f"{c.name}-{c.networks.name}")


def _built(config: SystemConfig, data: DataSpec = CLASSES) -> System:
    torch.manual_seed(0)
    system = build(config, data, SIZE)
    for network in system.networks.values():
        network.eval()
    return system


@BOTH_SYSTEMS
@pytest.mark.parametrize("data", [CLASSES, SEVERAL], ids=["classes", "several"])
def test_the_generator_looks_at_labels_and_the_discriminator_of_the_conditional_gan_does(
    config: SystemConfig, data: DataSpec
) -> None:
    system = _built(config, data)
    one, other = (torch.tensor([label]) for label in ([[1, 0], [0, 1]] if data.multilabel else [0, 1]))
    latents = torch.randn(1, 4)
    images = system.generator(latents, one)
    assert not torch.equal(images, system.generator(latents, other))
    verdicts = [system.discriminator(images, label) for label in (one, other)]
    given = config.name == "conditional"
    assert torch.equal(verdicts[0].score, verdicts[1].score) != given
    assert (verdicts[0].classes is None) == given


def test_a_real_image_without_a_label_is_judged_like_one_of_a_row_of_zeros() -> None:
    config = ConditionalConfig(latent_dim=4, networks=DENSE)
    images = torch.randn(1, 3, SIZE, SIZE)
    unlabelled = _built(config).discriminator(images, torch.tensor([-1]))
    torch.testing.assert_close(
        unlabelled.score, _built(config, SEVERAL).discriminator(images, torch.tensor([[0, 0]])).score
    )


@pytest.mark.parametrize("name", ["conditional", "acgan"])
def test_data_without_labels_are_refused_in_one_line_with_the_remedy(name: str) -> None:
    config = ConditionalConfig() if name == "conditional" else AcganConfig()
    with pytest.raises(ConfigError, match=rf"^data\.path: .* {name} is given; .* progan prepare --label$"):
        build(config, DataSpec((SIZE,), 64, (), "none"), SIZE)


def test_acgan_players_minimise_the_source_loss_and_the_label_loss_of_the_paper() -> None:
    system = _built(AcganConfig(latent_dim=4, networks=DENSE, label_real_weight=3, label_fake_weight=0.5))
    real = Batch(torch.randn(3, 3, SIZE, SIZE), torch.tensor([0, 1, -1]))
    labels = torch.tensor([1, 0, 1])
    fake = Batch(system.generator(torch.randn(3, 4), labels), labels)
    game = Round(system.discriminator, real, fake, 3, 0, lambda stream: torch.rand(3), joint=system.joint)
    on_real, on_fake = (system.discriminator(batch.images, batch.labels) for batch in (real, fake))
    source = (on_real.score.sigmoid().log().mean(), (1 - on_fake.score.sigmoid()).log().mean())
    classes = (
        on_real.classes.softmax(dim=1)[[0, 1], [0, 1]].log().mean(),
        on_fake.classes.softmax(dim=1)[[0, 1, 2], labels].log().mean(),
    )
    mine = {role: objective(game) for role, objective in system.objectives.items()}
    assert set(mine["discriminator"]) == {"logistic", "label_real", "label_fake"}
    torch.testing.assert_close(sum(mine["discriminator"].values()), -sum(source) - 3 * classes[0] - 0.5 * classes[1])
    generators = -on_fake.score.sigmoid().log().mean() - 0.5 * classes[1]
    torch.testing.assert_close(sum(mine["generator"].values()), generators)


class Halves:
    """Images whose left half is bright, or right: of classes one of them, of several labels either, both or none."""

    def __init__(self, several: bool, labelled: float = 1.0) -> None:
        self.several = several
        self.labelled = labelled  # share of the images

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        draw = generator(0, "halves", position)
        labels = torch.randint(2, (count, 2) if self.several else (count,), generator=draw)
        bright = labels if self.several else F.one_hot(labels, 2)
        noise = torch.randint(0, 64, (count, 3, SIZE, SIZE), generator=draw)
        images = noise + 192 * bright.repeat_interleave(SIZE // 2, dim=1)[:, None, None]
        labels[torch.rand(count, generator=draw) >= self.labelled] = -1
        return Batch(images.to(torch.uint8)[part], labels[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        raise AssertionError("these systems read labels where they are")


def _brightness(system: System, labels: Tensor) -> Tensor:
    """Mean of each half, N2."""
    with torch.no_grad():
        images: Tensor = system.generator(torch.randn(len(labels), 4), labels)
    return images.view(-1, 3, SIZE, 2, SIZE // 2).mean(dim=(1, 2, 4))


@pytest.mark.parametrize(
    ("config", "reals"),
    [
        (ConditionalConfig(latent_dim=4, networks=DENSE), Halves(several=False)),
        (ConditionalConfig(latent_dim=4, networks=DENSE), Halves(several=True)),
        (AcganConfig(latent_dim=4, networks=DENSE), Halves(several=False, labelled=0.1)),
        (AcganConfig(latent_dim=4, networks=DENSE), Halves(several=True)),
        (GanClsConfig(latent_dim=4, networks=NORMED), Halves(several=True)),
    ],
    ids=["conditional", "conditional-several", "acgan-few-labels", "acgan-several", "gan-cls"],
)
@pytest.mark.usefixtures("one_thread")
def test_what_is_asked_for_is_what_is_painted(config: SystemConfig, reals: Halves) -> None:
    system = _built(config, SEVERAL if reals.several else CLASSES)
    lr, kimg = (0.01, 6.4) if config.networks.name == "dense" else (0.001, 12.8)
    optim = OptimConfig(lr=lr, beta1=0.5, ema_half_life_kimg=0)
    schedule = constant(ConstantConfig(resolution=SIZE, batch=32, total_kimg=kimg), lr)
    rules = Rules(0, optim, False, schedule.total_images, World(), torch.device("cpu"))
    for network in system.networks.values():
        network.train()
    (tick,) = train(start(system, optim), schedule, reals, rules)
    assert all(map(torch.isfinite, map(torch.tensor, tick.losses.values())))
    asked = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]] if reals.several else [0, 1]).repeat(50, *[1] * reals.several)
    wanted = asked if reals.several else F.one_hot(asked, 2)
    assert ((_brightness(system, asked) > 0) == wanted.bool()).float().mean() > 0.95


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.05])
def test_the_few_labels_of_a_batch_weigh_the_same_in_parts(several: bool, share: float) -> None:
    def term(parts: dict[int, int]) -> float:
        data = SEVERAL if several else CLASSES
        optim = OptimConfig(max_images_per_process=parts)
        schedule = constant(ConstantConfig(resolution=SIZE, batch=32, total_kimg=0.032), 0.001)
        rules = Rules(0, optim, False, 32, World(), torch.device("cpu"))
        config = AcganConfig(latent_dim=4, networks=DENSE)
        (tick,) = train(start(_built(config, data), optim), schedule, Halves(several, labelled=share), rules)
        return tick.losses["discriminator/label_real"]

    assert term({SIZE: 4}) == pytest.approx(term({}), rel=1e-5)
    assert term({}) > 0
