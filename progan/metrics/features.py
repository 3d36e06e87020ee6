"""Networks that map images to the features in which sets are compared; Inception exactly as torch-fidelity has it."""

import importlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from progan.metrics.precision import published_precision
from progan.metrics.weights import Weights
from progan.types import DataError

_INCEPTION = "inception-v3-compat"
_kept_alive: list[torch.library.Library] = []  # a declared schema lives as long as its Library object


class Features(NamedTuple):
    """What a network says of N images, float32 on the CPU."""

    pooled: Tensor  # N x F
    logits: Tensor  # N x C, of its classes

    def part(self, images: slice) -> "Features":
        return Features(self.pooled[images], self.logits[images])


def require_finite(*layers: Tensor) -> None:
    """DataError unless they are: no distance to anything else exists."""
    if not all(bool(layer.isfinite().all()) for layer in layers):
        raise DataError("a feature of an image is not finite; check the weights file")


@dataclass(frozen=True)
class FeatureNetwork:
    """A function from images to features, and what a result must say of it."""

    extract: Callable[[Tensor], Features]  # of uint8 N3HW
    sha256: str  # of its weights
    preprocessing: str  # what is done to the images before its first layer
    mark: str  # what results are named after; "" for the published Inception weights alone
    one_class_each: bool = True  # whether its logits are of classes that exclude one another


def torch_fidelity(module: str) -> ModuleType:
    """Import torch_fidelity.<module>, also where a CUDA build of torchvision stands beside a CPU build of torch.

    There torchvision cannot be imported for want of two operators (pytorch/vision issue 9085) that FID never calls;
    declaring their signatures is enough. Done only if the import fails for that reason.
    """
    name = f"torch_fidelity.{module}"
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_torchvision_operators()
        return importlib.import_module(name)


def _declare_torchvision_operators() -> None:
    for loaded in [name for name in sys.modules if name.partition(".")[0] in ("torchvision", "torch_fidelity")]:
        del sys.modules[loaded]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _kept_alive.append(library)


def inception(weights: Weights, device: torch.device) -> FeatureNetwork:
    """The network that published values of FID, KID and the Inception score are made with, given its weights."""
    copy = io.BytesIO()
    torch.save(weights.tensors, copy)
    copy.seek(0)
    network = (
        torch_fidelity("utils")
        .create_feature_extractor(
            _INCEPTION,
            ["2048", "logits_unbiased"],
            cuda=False,
            feature_extractor_weights_path=copy,  # our own copy: the library unpickles whatever it is given
            verbose=False,
        )
        .to(device)
    )

    def extract(images: Tensor) -> Features:
        with published_precision(device):
            return Features(*(layer.float().cpu() for layer in network(images.to(device))))

    return FeatureNetwork(
        extract=extract,
        sha256=weights.sha256,
        preprocessing=f"{_INCEPTION} of torch-fidelity {version('torch-fidelity')}: bilinear to 299 px as TensorFlow 1",
        mark="" if weights.published else weights.sha256[:8],
    )
