from collections.abc import Iterator

import pytest
import torch
from pretended_device import PretendedDevice


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Networks so small that they lose time by sharing their work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def pretended() -> Iterator[PretendedDevice]:
    """Entered."""
    with PretendedDevice() as device:
        yield device
