"""Classifier: train a network on the labels of a prepared set, in place of Inception as what metrics look through."""

from contextlib import closing
from pathlib import Path

from pipelines.console import counting, say
from pipelines.device import evaluation_device
from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.settings import DataConfig, open_set
from progan.files import require_writable
from progan.metrics.classifier_file import ClassifierFacts, names_results, save_classifier
from progan.metrics.classifier_training import (
    ClassifierTraining,
    Judgement,
    judge,
    train_classifier,
    untrained_classifier,
)
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.types import ConfigError


def classifier(data: str, out: Path, name: str, network: ClassifierConfig, training: ClassifierTraining) -> None:
    """Train on the prepared set `data` and write `out`; say how often it is right on images it was not shown."""
    if not names_results(name):
        rule = "results are named for it, as fd50k-faces; give small letters and digits, not 8 that look like a hash"
        raise ConfigError(f"--name {name!r}: {rule}")
    require_writable(out)
    manifest = open_set(DataConfig(path=data))
    with closing(LabelledImages(manifest, side(manifest, network.resolution), training.seed)) as images:
        trained = untrained_classifier(manifest.spec.num_classes, network, training.seed)
        _train(trained, images, training)
        found = judge(trained, images, evaluation_device())
        save_classifier(out, trained, _facts(name, manifest, network, training, found))
    say(
        f"{out}: right in {found.accuracy:.1%} on {found.images} images that were held out "
        f"(the commonest answer always: {found.commonest:.1%}); results with it are named as fd50k-{name}"
    )


def side(manifest: Manifest, looked_at: int) -> int:
    """Px: images are read no larger than they are looked at, if the set has such."""
    return max((size for size in manifest.resolutions if size <= looked_at), default=manifest.resolutions[0])


def _train(classifier: Classifier, images: LabelledImages, training: ClassifierTraining) -> None:
    with counting("classifier", "images") as show:

        def progress(seen: int, loss: float) -> None:
            show(seen, training.images, 0, f"loss {loss:.3f}")

        train_classifier(classifier, images, training, evaluation_device(), progress)


def _facts(
    name: str, manifest: Manifest, network: ClassifierConfig, training: ClassifierTraining, found: Judgement
) -> ClassifierFacts:
    return ClassifierFacts(
        name=name,
        classes=manifest.spec.classes,
        multilabel=manifest.spec.multilabel,
        data_fingerprint=manifest.spec.fingerprint,
        network=network,
        training=training,
        held_out=found,
    )
