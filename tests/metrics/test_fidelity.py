from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from progan.metrics import MetricSpec, describe
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FEATURES, torch_fidelity
from progan.metrics.fidelity import FrechetDistance
from progan.metrics.gathering import feed
from progan.metrics.weights import load_weights
from progan.random import generator
from progan.types import DataError

COUNT = 6


class Images(Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def images(seed: int) -> Tensor:
    shape = (COUNT, 3, 32, 32)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(seed, "images", 0))


def test_it_is_the_value_torch_fidelity_computes_of_the_same_images(unpublished_weights: Path) -> None:
    real, fake = images(0), images(1) // 2
    (record,) = Evaluator(
        [MetricSpec("fid", COUNT, "fid6")],
        lambda resolution, start, count: real[start : start + count],
        COUNT,
        seed=0,
        device="cpu",
        weights=unpublished_weights,
        data_fingerprint="",
    ).measure(lambda start, count: fake[start : start + count], 32)
    expected = torch_fidelity("metrics").calculate_metrics(
        input1=Images(fake),
        input2=Images(real),
        fid=True,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        feature_extractor_weights_path=str(unpublished_weights),
    )
    sha256 = load_weights(unpublished_weights).sha256
    assert record["value"] == expected["frechet_inception_distance"] > 1
    assert record["metric"] == f"fd6-{sha256[:8]}"
    assert record["provenance"]["weights_sha256"] == sha256
    assert record["floor"] is None
    assert "12 real images" in record["provenance"]["floor_note"]
    assert describe(f"fd10k-{sha256[:8]}").title != describe("fid10k").title


def test_features_that_are_not_finite_are_refused() -> None:
    gathering = FrechetDistance(lambda some: torch.full((len(some), FEATURES), torch.nan)).gather(32, COUNT, "fake")
    feed(gathering, images(0))
    with pytest.raises(DataError, match="not finite"):
        gathering.finish()
