"""Classifiers of the built-in faces: what they learn, what their files hold, and what metrics say with them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.reading.order import Numbers
from progan.data.sources import SourceOptions, open_source
from progan.metrics import MetricSpec
from progan.metrics.classifier_file import (
    KIND,
    ClassifierFacts,
    classifier_network,
    load_classifier,
    names_results,
    save_classifier,
)
from progan.metrics.classifier_training import (
    ClassifierTraining,
    Judgement,
    judge,
    split,
    train_classifier,
    untrained_classifier,
)
from progan.metrics.evaluator import Evaluator
from progan.metrics.real_side import RealSet
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.random import generator
from progan.tensorfile import load_tensors, save_tensors
from progan.types import Batch, DataError, TrainingError

CPU = torch.device("cpu")
FACES, SIDE = 250, 8
SMALL = ClassifierConfig(resolution=SIDE, features=32)
TRAINING = ClassifierTraining(images=1600, batch=16, lr=0.006)
BRIEF = ClassifierTraining(images=100, batch=16)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Manifest]:
    folder = tmp_path_factory.mktemp("faces")

    def prepared(label: str | None, count: int = FACES) -> Manifest:
        source = open_source("synthetic", SourceOptions(SIDE, count, label))
        return prepare(source, folder / f"{label} {count}", PrepareOptions(SIDE, limit=count))

    return prepared


@pytest.fixture(scope="module")
def skin(faces: Callable[..., Manifest]) -> Manifest:
    """Two classes that can be told apart at 8 px."""
    return faces("Dark_Skin")


@pytest.fixture(scope="module")
def several(faces: Callable[..., Manifest]) -> Manifest:
    return faces("Dark_Skin,Long_Hair")


def trained(manifest: Manifest, training: ClassifierTraining) -> tuple[Classifier, Judgement]:
    images = LabelledImages(manifest, SIDE, training.seed)
    classifier = untrained_classifier(manifest.spec.num_classes, SMALL, training.seed)
    train_classifier(classifier, images, training, CPU, lambda seen, loss: None)
    return classifier, judge(classifier, images, CPU)


def facts(manifest: Manifest, name: str = "faces") -> ClassifierFacts:
    return ClassifierFacts(
        name=name,
        classes=manifest.spec.classes,
        multilabel=manifest.spec.multilabel,
        data_fingerprint=manifest.spec.fingerprint,
        network=SMALL,
        training=TRAINING,
        held_out=Judgement(30, 0.9, 0.6),
    )


@pytest.fixture(scope="module")
def file(skin: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "faces.safetensors"
    save_classifier(path, untrained_classifier(2, SMALL, 0), facts(skin))
    return path


@pytest.mark.parametrize("label", ["Dark_Skin", "Dark_Skin,Long_Hair"])
def test_it_learns_what_can_be_seen(faces: Callable[..., Manifest], label: str) -> None:
    _, found = trained(faces(label), TRAINING)
    assert found.images == FACES // 10
    assert found.accuracy > found.commonest + 0.1


def test_one_seed_makes_one_classifier_and_another_seed_another(skin: Manifest) -> None:
    def weights(seed: int) -> Tensor:
        classifier, _ = trained(skin, BRIEF.model_copy(update={"seed": seed}))
        return torch.cat([weight.detach().flatten() for weight in classifier.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


class Noted(LabelledImages):
    """Notes which images are read."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest, SIDE, seed=0)
        self.asked: list[int] = []

    def read(self, numbers: Numbers) -> Batch:
        self.asked += numbers.tolist()
        return super().read(numbers)


def test_it_is_never_shown_what_is_held_out_to_judge_by(skin: Manifest) -> None:
    images, classifier = Noted(skin), untrained_classifier(2, SMALL, 0)
    learned, held_out = (set(part.tolist()) for part in split(images))
    assert not learned & held_out
    assert learned | held_out == set(range(FACES))
    train_classifier(classifier, images, BRIEF.model_copy(update={"images": 300}), CPU, lambda seen, loss: None)
    assert len(images.asked) == 300
    assert set(images.asked) == learned
    images.asked.clear()
    judge(classifier, images, CPU)
    assert sorted(images.asked) == sorted(held_out)


def test_images_without_a_label_are_left_out(faces: Callable[..., Manifest]) -> None:
    manifest = faces("Black_Hair|Blond_Hair", 60)
    labels, images = manifest.read_labels(), LabelledImages(manifest, SIDE)
    used = np.concatenate(split(images))
    assert sorted(used.tolist()) == list(range(len(images)))
    assert sorted(images.labels.tolist()) == sorted(labels[labels >= 0].tolist())
    assert 0 < len(used) < 60


def test_half_of_the_images_it_learns_from_are_mirrored(skin: Manifest) -> None:
    images, classifier = Noted(skin), untrained_classifier(2, SMALL, 0)
    shown: list[Tensor] = []
    classifier.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0].clone()))
    train_classifier(classifier, images, BRIEF, CPU, lambda seen, loss: None)
    stored = images.read(np.array(images.asked)).images.float() / 127.5 - 1
    as_stored, flipped = ((torch.cat(shown) == each).all(dim=(1, 2, 3)) for each in (stored, stored.flip(3)))
    assert (as_stored | flipped).all()
    assert 30 < int(flipped.sum()) < 70


def test_who_always_gives_the_commonest_answer_is_right_as_often_as_that_is(skin: Manifest, several: Manifest) -> None:
    for manifest in (skin, several):
        classifier, images = untrained_classifier(2, SMALL, 0), LabelledImages(manifest, SIDE)
        labels = images.labels[split(images)[1]].numpy()
        shares = labels.mean(axis=0) if manifest.spec.multilabel else np.array([1 - labels.mean(), labels.mean()])
        torch.nn.init.zeros_(classifier.output.weight)
        with torch.no_grad():
            classifier.output.bias.copy_(torch.from_numpy(shares - 0.5))
        found = judge(classifier, images, CPU)
        assert found.accuracy == pytest.approx(np.maximum(shares, 1 - shares).mean())
        assert found.commonest == pytest.approx(found.accuracy)


def test_the_learning_rate_falls_to_nothing_along_half_a_cosine() -> None:
    rates = [TRAINING.lr_at(seen) for seen in (0, 800, 1600)]
    assert rates == pytest.approx([0.006, 0.003, 0])


def test_a_loss_or_weight_that_is_not_finite_ends_the_training_with_its_place(skin: Manifest) -> None:
    with pytest.raises(TrainingError, match=r"loss is .* at [1-9]\d+ images"):
        trained(skin, ClassifierTraining(images=200, batch=16, lr=1e30))
    with pytest.raises(TrainingError, match=r"sum of weights is (inf|nan) at 16 images"):
        trained(skin, ClassifierTraining(images=16, batch=16, lr=3e37))


def test_sets_without_two_classes_or_without_images_are_refused_with_the_remedy(
    faces: Callable[..., Manifest],
) -> None:
    with pytest.raises(DataError, match=r"None 60: has no labels.*prepare it with --label"):
        LabelledImages(faces(None, 60), SIDE)
    with pytest.raises(DataError, match=r"6 labelled images; a classifier needs 10"):
        split(LabelledImages(faces("Smiling", 6), SIDE))


def test_its_features_are_those_of_the_network_in_the_file_however_images_are_cut(file: Path, skin: Manifest) -> None:
    images = LabelledImages(skin, SIDE).read(np.arange(40)).images
    network = classifier_network(file, CPU)
    found = network.extract(images)
    classifier, _ = load_classifier(file)
    pooled, logits = classifier(images.float() / 127.5 - 1)
    assert (found.pooled.shape, found.logits.shape) == ((40, 32), (40, 2))
    torch.testing.assert_close(found.pooled, pooled)
    torch.testing.assert_close(found.logits, logits)
    assert torch.equal(network.extract(images).pooled, found.pooled)
    for part in (slice(0, 1), slice(3, 40)):
        torch.testing.assert_close(network.extract(images[part]).pooled, found.pooled[part])
    assert network.mark == "faces"
    assert network.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_loaded_classifier_is_the_saved_one_with_its_facts(file: Path, skin: Manifest) -> None:
    classifier, found = load_classifier(file)
    saved = untrained_classifier(2, SMALL, 0).state_dict()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in classifier.state_dict().items())
    assert found == facts(skin)
    assert not any(weight.requires_grad for weight in classifier.parameters())


def noise(stream: str, brightest: int = 256) -> Callable[[int, int], Tensor]:
    draws = torch.randint(0, brightest, (128, 3, 16, 16), dtype=torch.uint8, generator=generator(0, stream, 0))
    return lambda start, count: draws[start : start + count]


def evaluator(names: list[str | MetricSpec], path: Path) -> Evaluator:
    real = RealSet(lambda resolution, start, count: noise("real")(start, count), 128, "abc")
    return Evaluator(names, real, 1, "cpu", lambda: classifier_network(path, CPU))


def test_results_are_named_for_it_and_say_what_it_is(file: Path) -> None:
    specs = [MetricSpec("fid", 64, "fid64"), MetricSpec("is", 64, "is64"), MetricSpec("pr", 64, "pr64")]
    measuring = evaluator([*specs], file)
    assert measuring.preflight(16) == []
    records = {record["metric"]: record for record in measuring.measure([noise("fake", brightest=200)], 16)}
    assert list(records) == ["fd64-faces", "cs64-faces", "precision64-faces", "recall64-faces"]
    distance = records["fd64-faces"]
    assert 0 < distance["floor"] < distance["value"]
    provenance = distance["provenance"]
    assert provenance["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert provenance["preprocessing"].startswith("progan classifier 1: averaged over squares")


def test_no_score_of_one_class_an_image_is_made_of_several(several: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "several.safetensors"
    save_classifier(path, untrained_classifier(2, SMALL, 0), facts(several, "traits"))
    measuring = evaluator([MetricSpec("fid", 64, "fid64"), MetricSpec("is", 64, "is64")], path)
    (line,) = measuring.preflight(16)
    assert line == (
        "is64: left out: the score is of one class an image and traits gives several; train a classifier on one label"
    )
    assert list(measuring.results(16)) == ["fd64-traits"]


@pytest.mark.parametrize("name", ["", "Faces", "my-faces", "my_faces", "fäces", "deadbeef", "01234567", "a b"])
def test_a_name_that_would_not_fit_or_look_like_a_hash_is_none(name: str) -> None:
    assert not names_results(name)
    assert names_results("faces2")
    assert names_results("deadbee")


def changed(file: Path, path: Path, **facts: Any) -> Path:
    tensors, header = load_tensors(file, KIND)
    save_tensors(path, KIND, tensors, {key: value for key, value in header.items() if key != "format"} | facts)
    return path


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "0123abcd"}, "damaged at name"),
        ({"network": {"resolution": 9}}, "damaged at network.resolution"),
        ({"more": 1}, "damaged at more"),
        ({"classes": ["one", "two", "three"]}, "its tensors are not those of the network it describes"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    file: Path, tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=rf"x\.safetensors: .*{message}.*make one with progan classifier"):
        classifier_network(changed(file, tmp_path / "x.safetensors", **facts), CPU)


def test_another_kind_of_file_is_refused_in_one_line(tmp_path: Path) -> None:
    other, absent = tmp_path / "other.safetensors", tmp_path / "absent.safetensors"
    save_tensors(other, "progan snapshot 1", {"a": torch.zeros(1)}, {})
    for path, message in ((other, "is 'progan snapshot 1', expected"), (absent, "not a readable progan classifier")):
        with pytest.raises(DataError, match=message) as refusal:
            classifier_network(path, CPU)
        assert "\n" not in str(refusal.value)
        assert path.name in str(refusal.value)
