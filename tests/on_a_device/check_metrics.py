"""What is measured on a device beside the CPU is what is measured on the CPU."""

from typing import Any

import pytest
import torch
from pretended_device import PretendedDevice
from torch import Tensor

from progan.metrics.families import Families

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES, PX = 64, 16
# Not modes: torch.cdist asks for the memory of its result in a way that a pretended device does not see.
FAMILIES = ("swd", "msssim", "energy", "parzen")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_metric_is_that_of_the_cpu(family: str, pretended: PretendedDevice) -> None:
    expected = _measured(family, torch.device("cpu"))
    assert not pretended.waits
    assert _measured(family, pretended.device) == expected
    assert pretended.waits  # its images were sent there


def _measured(name: str, device: torch.device) -> dict[str, float]:
    family = Families(0, device, _no_network)[name]

    def summary(role: str, seed: int) -> Any:
        gathering = family.gather(PX, IMAGES, role)
        gathering.keep(0, gathering.extract(0, _noise(seed)))
        return family.summary(gathering.finish(), slice(0, IMAGES))

    outcomes = family.compare(summary("real", 1), summary("fake", 2))
    return {key: outcome.value for key, outcome in outcomes.items()}


def _noise(seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (IMAGES, 3, PX, PX), dtype=torch.uint8, generator=draw)


def _no_network() -> Any:
    raise AssertionError("these metrics have no features")
