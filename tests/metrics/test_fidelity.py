"""Against torch_fidelity.calculate_metrics on the same images."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from progan.metrics import MetricSpec
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork, Features, inception, torch_fidelity
from progan.metrics.fidelity import frechet_distance
from progan.metrics.gathering import feed
from progan.metrics.real_cache import RealCache
from progan.metrics.real_side import RealSet
from progan.metrics.weights import load_weights
from progan.random import generator
from progan.types import DataError

CPU = torch.device("cpu")
SMALL = "means-of-tiles"


class Images(Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def faces(seed: int, count: int, brightest: int = 256) -> Tensor:
    shape = (count, 3, 32, 32)
    return torch.randint(0, brightest, shape, dtype=torch.uint8, generator=generator(seed, "images", 0))


def tiles(images: Tensor) -> Features:
    """48 features, of which the first 10 serve as logits."""
    means = F.adaptive_avg_pool2d(images.float() / 64, 4).flatten(1)
    return Features(means, means[:, :10])


def small_network(mark: str = "") -> FeatureNetwork:
    return FeatureNetwork(tiles, sha256="0" * 64, preprocessing="means of tiles", mark=mark)


def registered() -> str:
    """The same network as torch-fidelity knows it."""
    base = torch_fidelity("feature_extractor_base").FeatureExtractorBase

    class Tiles(base):  # type: ignore[misc, valid-type]
        def __init__(self, name: str, layers: list[str], **_: object) -> None:
            super().__init__(name, layers)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("2048", "logits_unbiased")

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "logits_unbiased" if metric == "isc" else "2048"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            raise NotImplementedError

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            found = dict(zip(("2048", "logits_unbiased"), tiles(images), strict=True))
            return tuple(found[name] for name in self.features_list)

    registry = torch_fidelity("registry")
    if SMALL not in registry.FEATURE_EXTRACTORS_REGISTRY:
        registry.register_feature_extractor(SMALL, Tiles)
    return SMALL


def theirs(real: Tensor, fake: Tensor, **options: Any) -> dict[str, float]:
    found: dict[str, float] = torch_fidelity("metrics").calculate_metrics(
        input1=Images(fake), input2=Images(real), cuda=False, cache=False, save_cpu_ram=True, verbose=False, **options
    )
    return found


def ours(real: Tensor, fake: Tensor, names: list[str | MetricSpec], network: FeatureNetwork) -> dict[str, Any]:
    real_set = RealSet(lambda resolution, start, count: real[start : start + count], len(real), "abc")
    records = Evaluator(names, real_set, 0, "cpu", lambda: network).measure(
        [lambda start, n: fake[start : start + n]], 32
    )
    return {record["metric"]: record for record in records}


def test_all_values_equal_those_of_torch_fidelity_of_the_same_images() -> None:
    real, fake = faces(0, 1000), faces(1, 1000, brightest=250)
    found = ours(real, fake, ["fid1k", "kid1k", "is1k", "pr1k"], small_network())
    expected = theirs(real, fake, fid=True, kid=True, isc=True, prc=True, feature_extractor=registered())
    assert {name: record["value"] for name, record in found.items()} == {
        "fid1k": expected["frechet_inception_distance"],
        "kid1k": expected["kernel_inception_distance_mean"],
        "is1k": expected["inception_score_mean"],
        "precision1k": expected["precision"],
        "recall1k": expected["recall"],
    }
    assert found["kid1k"]["provenance"]["details"]["deviation"] == expected["kernel_inception_distance_std"]
    assert found["is1k"]["provenance"]["details"]["deviation"] == expected["inception_score_std"]
    assert 0 < expected["recall"] < expected["precision"] < 1


def test_with_the_real_inception_graph_too(unpublished_weights: Path) -> None:
    real, fake = faces(0, 12), faces(1, 12, brightest=128)
    weights = load_weights(unpublished_weights)
    specs = [MetricSpec("fid", 12, "fid12"), MetricSpec("is", 12, "is12"), MetricSpec("pr", 12, "pr12")]
    found = ours(real, fake, list(specs), inception(weights, CPU))
    layers = dict.fromkeys(("feature_layer_fid", "feature_layer_prc"), "2048")
    expected = theirs(
        real,
        fake,
        fid=True,
        isc=True,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(unpublished_weights),
        **layers,
    )
    mark = weights.sha256[:8]
    assert found[f"fd12-{mark}"]["value"] == expected["frechet_inception_distance"] > 1
    assert found[f"cs12-{mark}"]["value"] == expected["inception_score_mean"]
    assert found[f"precision12-{mark}"]["value"] == expected["precision"]
    assert found[f"recall12-{mark}"]["value"] == expected["recall"]
    provenance = found[f"fd12-{mark}"]["provenance"]
    assert provenance["weights_sha256"] == weights.sha256
    assert "bilinear to 299 px" in provenance["preprocessing"]
    assert "24 real images" in provenance["floor_note"]


def test_an_image_is_looked_at_once_for_all_metrics_of_features() -> None:
    looked: list[int] = []

    def extract(images: Tensor) -> Features:
        looked.append(len(images))
        return tiles(images)

    network = FeatureNetwork(extract, sha256="0" * 64, preprocessing="", mark="")
    real, fake = faces(0, 2000), faces(1, 1000)
    found = ours(real, fake, ["fid1k", "is1k", "pr1k"], network)
    assert sum(looked) == 3000
    assert all(record["floor"] is not None for record in found.values())


def test_a_second_evaluation_reads_the_features_of_real_images_from_disk(tmp_path: Path) -> None:
    looked: list[int] = []
    real, fake = faces(0, 2000), faces(1, 1000)

    def extract(images: Tensor) -> Features:
        looked.append(len(images))
        return tiles(images)

    def values(names: list[str], sha256: str = "0") -> tuple[int, dict[str, float]]:
        looked.clear()
        network = FeatureNetwork(extract, sha256=sha256 * 64, preprocessing="", mark="")
        real_set = RealSet(lambda resolution, start, count: real[start : start + count], len(real), "abc")
        evaluator = Evaluator(names, real_set, 0, "cpu", lambda: network, tmp_path)
        records = evaluator.measure([lambda start, count: fake[start : start + count]], 32)
        return sum(looked), {record["metric"]: (record["value"], record["floor"]) for record in records}

    first = values(["fid1k", "is1k"])
    assert values(["fid1k", "is1k"]) == (1000, first[1])
    assert values(["pr1k"])[0] == 1000
    assert values(["fid1k"], sha256="1")[0] == 3000
    assert len(list(tmp_path.glob("features-*"))) == 2


def test_a_damaged_larger_file_does_not_hide_a_smaller_one(tmp_path: Path) -> None:
    network = FeatureNetwork(tiles, sha256="0" * 64, preprocessing="", mark="")
    cache = RealCache(tmp_path, {}, lambda line: None)
    cache.keep_features(8, network, Features(torch.ones(10, 3), torch.ones(10, 2)))
    (good,) = tmp_path.iterdir()
    for name in ("20", "30"):  # before and behind it in whatever order they are listed
        good.with_name(good.name.replace("-10.", f"-{name}.")).write_bytes(b"damaged")
    found = cache.features(8, network, 5)
    assert found is not None
    assert found.pooled.equal(torch.ones(5, 3))


def test_what_cannot_be_read_from_the_cache_is_measured_again(tmp_path: Path) -> None:
    real, fake = faces(0, 2000), faces(1, 1000)

    def measure() -> list[dict[str, Any]]:
        real_set = RealSet(lambda resolution, start, count: real[start : start + count], len(real), "abc")
        evaluator = Evaluator(["fid1k"], real_set, 0, "cpu", small_network, tmp_path)
        return evaluator.measure([lambda start, count: fake[start : start + count]], 32)

    first = measure()
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert measure()[0]["value"] == first[0]["value"]
    assert measure()[0]["floor"] == first[0]["floor"]


def test_a_cache_that_cannot_be_written_costs_only_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines: list[str] = []
    real, fake = faces(0, 2000), faces(1, 1000)
    real_set = RealSet(lambda resolution, start, count: real[start : start + count], 2000, "abc")
    place = tmp_path / "file" / "cache"
    evaluator = Evaluator(["fid1k"], real_set, 0, "cpu", small_network, place, note=lines.append)
    assert len(evaluator.measure([lambda start, count: fake[start : start + count]], 32)) == 1
    (line,) = lines
    assert line.startswith(f"evaluation.cache: {place}: ")


def test_features_that_are_not_finite_are_refused() -> None:
    network = FeatureNetwork(lambda images: Features(torch.full((len(images), 8), torch.nan), images), "0", "", "")
    gathering = frechet_distance(network).gather(32, 6, "fake")
    feed(gathering, faces(0, 6))
    with pytest.raises(DataError, match="not finite"):
        gathering.finish()


def test_a_cache_without_room_for_features_is_told_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(tensors: object, path: Path) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("progan.metrics.real_cache.save_file", fails)
    lines: list[str] = []
    cache, network = RealCache(tmp_path, {}, lines.append), small_network()
    features = Features(*(torch.zeros(2, 3) for _ in Features._fields))
    for _ in range(2):
        cache.keep_features(8, network, features)
    assert len(lines) == 1
    assert "No space left on device (os error 28); real images are measured again next time" in lines[0]
