"""The images of a prepared set whose label is known, for what is taught or judged by labels."""

import numpy as np
import torch
from torch import Tensor

from progan.data.cores import cores
from progan.data.manifest import Manifest
from progan.data.reading.order import Numbers
from progan.data.reading.reader import Reader
from progan.random import generator
from progan.types import UNLABELLED, Batch, DataError


class LabelledImages:
    """In a random order, so that neighbours have nothing to do with each other; numbers count in that order."""

    def __init__(self, manifest: Manifest, resolution: int, seed: int = 0) -> None:
        """seed: of the order. DataError for a set without two classes, labelled images, or images of that size."""
        self.name, self.spec = manifest.place.describe(), manifest.spec
        if self.spec.num_classes < 2:
            held = "has one class" if self.spec.classes else "has no labels"
            raise DataError(f"{self.name}: {held}, and telling classes apart needs two; prepare it with --label")
        labels = torch.from_numpy(manifest.read_labels())
        known = np.flatnonzero(labels.view(manifest.count, -1)[:, 0].numpy() != UNLABELLED)
        if not len(known):
            raise DataError(f"{self.name}: none of its images has a label; prepare it with --label")
        self._rows = known[torch.randperm(len(known), generator=generator(seed, "labelled-images", 0)).numpy()]
        self.labels: Tensor = labels[torch.from_numpy(self._rows)]  # int64 N, or NK of 1 and 0
        self._reader = Reader(manifest, resolution, cores())

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, numbers: Numbers) -> Batch:
        """Images as they are stored, uint8 N3RR. DataError names one that cannot be read."""
        images = self._reader.begin(self._rows[numbers]).result().permute(0, 3, 1, 2)
        return Batch(images, self.labels[torch.from_numpy(numbers)])

    def close(self) -> None:
        self._reader.close()
