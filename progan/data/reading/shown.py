"""The labels that training is shown, and the orders that follow from them."""

import torch
from torch import Tensor

from progan.data.manifest import Manifest
from progan.data.reading.order import Balanced, labelled_subset
from progan.types import ConfigError


class ShownLabels:
    """Those of a set, or of a labelled subset of it."""

    def __init__(self, manifest: Manifest, each: int | None, seed: int) -> None:
        """each: how many labels of every class are shown, drawn by the seed; None: all there are.

        ConfigError where a subset is asked of a set without classes, DataError of one with fewer labels.
        """
        self._manifest = manifest
        self._seed = seed
        self.labels: Tensor = torch.from_numpy(manifest.read_labels())  # int64 N, or NK
        if each is not None:
            self._require_classes("data.labelled_per_class")
            self.labels = labelled_subset(self.labels, manifest.spec.num_classes, each, seed)

    def balanced(self, asked_by: str) -> Balanced:
        """As many images of each class as of any other, those alone whose label is shown.

        asked_by: the setting that wants it. ConfigError for a set without classes, DataError for one without a label.
        """
        self._require_classes(asked_by)
        return Balanced(self.labels, self._manifest.spec.num_classes, self._seed, asked_by)

    def _require_classes(self, asked_by: str) -> None:
        contents = self._manifest.contents
        if not contents.classes or contents.multilabel:
            kind = "several labels an image" if contents.multilabel else "no labels"
            where = self._manifest.place.describe()
            raise ConfigError(
                f"{asked_by}: {where} has {kind}; prepare it with a label of one class, or leave this out"
            )
