"""A trained classifier in a file, and as the network whose features are compared where no Inception weights are."""

import re
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from torch import Tensor

from progan.data.reals import to_reals
from progan.metrics.classifier_training import ClassifierTraining, Judgement
from progan.metrics.features import FeatureNetwork, Features
from progan.metrics.gathering import pieces
from progan.metrics.precision import published_precision
from progan.metrics.weights import sha256_of
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.tensorfile import load_tensors, save_tensors
from progan.types import DataError

KIND = "progan classifier 1"
_NAME = re.compile("[a-z0-9]+")  # as part of the name of a result
_HASH = re.compile("[0-9a-f]{8}")  # what results of other Inception weights are named after
_REMEDY = "make one with progan classifier"


class ClassifierFacts(BaseModel):
    """What a classifier's file says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # results are named for it: fd50k-<name>
    classes: tuple[str, ...]  # in the order of its logits
    multilabel: bool  # whether an image can belong to several of them
    data_fingerprint: str  # of the set it was trained on
    network: ClassifierConfig
    training: ClassifierTraining
    held_out: Judgement

    @field_validator("name")
    @classmethod
    def _names_results(cls, name: str) -> str:
        if not names_results(name):
            raise ValueError("no part of a result's name")
        return name


def names_results(name: str) -> bool:
    """Whether results can be named for it: small letters and digits, but not 8 that look like a hash."""
    return _NAME.fullmatch(name) is not None and not _HASH.fullmatch(name)


def save_classifier(path: Path, classifier: Classifier, facts: ClassifierFacts) -> None:
    """Write both atomically."""
    save_tensors(path, KIND, classifier.state_dict(), facts.model_dump(mode="json"))


def load_classifier(path: Path) -> tuple[Classifier, ClassifierFacts]:
    """The network, frozen, on the CPU; DataError for any other file."""
    tensors, header = load_tensors(path, KIND)
    try:
        facts = ClassifierFacts.model_validate({key: value for key, value in header.items() if key != "format"})
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(f"{path}: damaged at {where}; {_REMEDY}") from error
    classifier = Classifier(len(facts.classes), facts.network)
    _require_shapes(path, tensors, classifier.state_dict())
    classifier.load_state_dict(tensors)
    return classifier.requires_grad_(False).eval(), facts


def _require_shapes(path: Path, tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    found, expected = ({name: tensor.shape for name, tensor in each.items()} for each in (tensors, wanted))
    if found != expected:
        raise DataError(f"{path}: damaged: its tensors are not those of the network it describes; {_REMEDY}")


def classifier_network(path: Path, device: torch.device) -> FeatureNetwork:
    """The classifier of a file as a feature network; DataError where there is none."""
    classifier, facts = load_classifier(path)
    classifier.to(device)

    def extract(images: Tensor) -> Features:
        with published_precision(device):
            found = [classifier(to_reals(piece.to(device))) for piece in pieces(images)]
        return Features(*(torch.cat(layer).cpu() for layer in zip(*found, strict=True)))

    return FeatureNetwork(
        extract=extract,
        sha256=sha256_of(path),
        preprocessing=f"{KIND}: averaged over squares (if smaller, doubled) to {facts.network.resolution} px, -1 to 1",
        mark=facts.name,
        one_class_each=not facts.multilabel,
    )
