"""torch-fidelity's Inception as a function from images to features, exactly as its own FID computes them."""

import importlib
import io
import sys
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from progan.metrics.precision import published_precision

FEATURES = 2048
_kept_alive: list[torch.library.Library] = []  # a declared schema lives as long as its Library object


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


def inception(tensors: dict[str, Tensor], device: torch.device) -> Callable[[Tensor], Tensor]:
    """The function uint8 N3HW -> N x 2048, float32 on the CPU, of checked weights."""
    copy = io.BytesIO()
    torch.save(tensors, copy)
    copy.seek(0)
    network = (
        torch_fidelity("utils")
        .create_feature_extractor(
            "inception-v3-compat",
            [str(FEATURES)],
            cuda=False,
            feature_extractor_weights_path=copy,  # our own copy: the library unpickles whatever it is given
            verbose=False,
        )
        .to(device)
    )

    def features(images: Tensor) -> Tensor:
        with published_precision(device):
            (values,) = network(images.to(device))
            result: Tensor = values.float().cpu()
        return result

    return features
