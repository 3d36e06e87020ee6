"""The images of a prepared set whose class is known, for what is taught or judged by labels."""

import torch
from torch import Tensor

from progan.data.manifest import Manifest
from progan.data.reading.order import Numbers
from progan.data.reading.reader import Reader
from progan.random import generator
from progan.types import UNLABELLED, DataError

ORDER_SEED = 0  # of the order alone, which is the same for everyone


class LabelledImages:
    """In a random order, so that neighbours have nothing to do with each other; numbers count in that order."""

    def __init__(self, manifest: Manifest, resolution: int) -> None:
        """DataError for a set without two classes, of several labels an image, or without images of that size."""
        name = self.name = manifest.place.describe()
        _require_classes(manifest)
        labels = torch.from_numpy(manifest.read_labels())
        known = (labels != UNLABELLED).nonzero().flatten()
        if not len(known):
            raise DataError(f"{name}: none of its images has a label; prepare it with --label")
        drawn = known[torch.randperm(len(known), generator=generator(ORDER_SEED, "labelled-images", 0))]
        self.classes = manifest.spec.classes
        self.fingerprint = manifest.spec.fingerprint
        self.labels: Tensor = labels[drawn]  # int64 N
        self._rows = drawn.numpy()
        self._reader = Reader(manifest, resolution)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, numbers: Numbers) -> Tensor:
        """Uint8 N3RR. DataError names one that cannot be read."""
        return self._reader.begin(self._rows[numbers]).result().permute(0, 3, 1, 2)

    def close(self) -> None:
        self._reader.close()


def _require_classes(manifest: Manifest) -> None:
    name, spec = manifest.place.describe(), manifest.spec
    if spec.multilabel:
        raise DataError(f"{name}: has several labels an image; prepare it with one, as --label Smiling")
    if spec.num_classes < 2:
        held = "has one class" if spec.classes else "has no labels"
        raise DataError(f"{name}: {held}, and telling classes apart needs two; prepare it with --label")
