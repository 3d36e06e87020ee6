"""What is kept of real images is told apart by a number, which is to be raised where the code gives other values.

Where a test here fails because values are meant to change: raise VERSION in progan/metrics/real_cache.py, and write it
and the new values below.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from progan.metrics import MetricSpec, real_cache
from progan.metrics.classifier_file import ClassifierFacts, classifier_network, save_classifier
from progan.metrics.classifier_training import ClassifierTraining, Judgement
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork
from progan.metrics.gathering import Outcome
from progan.metrics.real_side import RealSet
from progan.metrics.table import METRICS
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.types import DataError

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES, SIDE = 120, 16
VERSION = 1
FLOORS = {"swd": 44.0226, "msssim": 0.0824300, "ndb": 1 / 3, "spread": 22.4442, "energy": 89.1157, "parzen": -210.378}
FEATURES = [-0.06433, -0.17824, -0.12104, 0.44951, -0.06422, -0.17904, -0.21415, 0.54733]  # four of each image


def pictures(resolution: int, start: int, count: int) -> Tensor:
    """Stripes, N3HW, without a random number: those of one library need not be those of the next."""
    rows, columns = torch.arange(SIDE)[:, None], torch.arange(SIDE)
    images = [
        torch.stack([rows * (n % 7 + 1) * 5 + columns * (n % 5 + k) * 7 + n * n * (k + 1) for k in range(3)])
        for n in range(start, start + count)
    ]
    return (torch.stack(images) % 256).byte()


def no_network() -> FeatureNetwork:
    raise DataError("there is none")


def floors() -> dict[str, float]:
    """Of all families that are of this package alone; what torch-fidelity gives is of its version, which is told."""
    rows = {family: row for family, row in METRICS.items() if not row.needs_network}
    specs = [MetricSpec(family, IMAGES // 2 // row.images_each, family) for family, row in rows.items()]
    measuring = Evaluator(specs, RealSet(pictures, IMAGES, "abc"), 1, "cpu", no_network)
    records = measuring.measure([lambda start, count: pictures(SIDE, start, count)], SIDE)
    return {record["metric"]: record["floor"] for record in records}


def test_floors_are_those_of_the_version() -> None:
    assert real_cache.VERSION == VERSION
    assert floors() == pytest.approx(FLOORS, rel=1e-3)


def test_features_of_a_classifier_are_those_of_the_version(tmp_path: Path) -> None:
    config, path = ClassifierConfig(resolution=8, features=16), tmp_path / "waves.safetensors"
    classifier = Classifier(2, config)
    for number, weights in enumerate(classifier.parameters()):
        weights.data = torch.sin(torch.arange(float(weights.numel())) + number).view_as(weights)
    judgement = Judgement(images=1, accuracy=1.0, commonest=1.0)
    facts = ClassifierFacts(
        name="waves",
        classes=("a", "b"),
        multilabel=False,
        data_fingerprint="",
        network=config,
        training=ClassifierTraining(),
        held_out=judgement,
    )
    save_classifier(path, classifier, facts)
    found = classifier_network(path, torch.device("cpu")).extract(pictures(SIDE, 0, 2)).pooled
    assert real_cache.VERSION == VERSION
    assert found[:, :4].flatten().tolist() == pytest.approx(FEATURES, rel=1e-3)


def test_what_is_kept_of_another_version_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, spec = real_cache.RealCache(tmp_path, {}, lambda line: None), MetricSpec("swd", 24, "swd24")
    kept = {"swd": Outcome(1.0)}
    cache.keep_floor(spec, SIDE, None, kept)
    assert cache.floor(spec, SIDE, None) == kept
    monkeypatch.setattr(real_cache, "VERSION", VERSION + 1)
    assert cache.floor(spec, SIDE, None) is None
