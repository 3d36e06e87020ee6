"""The same architecture taught by labels alone: what features learned without labels are measured against."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.data.labelled import LabelledImages
from progan.data.reading.order import Numbers, Shuffled
from progan.metrics.precision import exact_arithmetic
from progan.metrics.probe_features import BATCH, Discriminating, Progress, features_of
from progan.types import TrainingError

LR = 0.001  # Adam's at the start; half a cosine leads to 0
PASSES, LEAST = 5, 20_000  # over the images learned from, and images shown besides

RULE = (
    f"the untrained network and a dense layer by cross-entropy; Adam at {LR}, by half a cosine to 0; "
    f"batches of {BATCH}; {LEAST} images and {PASSES} times as many as are learned from; no validation, no augmentation"
)


class Supervised:
    """A discriminator's body with a dense layer for the classes; weights from torch's global generator."""

    def __init__(self, body: Discriminating, width: int, classes: int) -> None:
        """width: of the body's features."""
        self._body = body
        self._output = nn.Linear(width, classes).to(body.device)

    def learn(self, images: LabelledImages, numbers: Numbers, seed: int, progress: Progress) -> None:
        """Be shown the labels of the images of these numbers, in an order of the seed.

        TrainingError where the loss is not finite.
        """
        total, order = LEAST + PASSES * len(numbers), Shuffled(len(numbers), seed, "supervised-order")
        optimizer = torch.optim.Adam([*self._body.network.train().parameters(), *self._output.parameters()], lr=LR)
        with exact_arithmetic():
            for seen in range(0, total, BATCH):
                chosen = numbers[order.rows(np.arange(seen, seen + BATCH))]
                optimizer.param_groups[0]["lr"] = LR * (1 + math.cos(math.pi * seen / total)) / 2
                loss = self._loss(images, chosen)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                progress(min(seen + BATCH, total), total)
        self._body.network.eval()
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"--features supervised: the loss is {loss.item()} at {total} images; try other --seeds"
            )

    def answers(self, images: LabelledImages, progress: Progress) -> Tensor:
        """The class of each image, int64 N."""

        def look(batch: Tensor) -> Tensor:
            with torch.no_grad():
                logits: Tensor = self._output(self._body.look(batch).to(self._body.device))
            return logits.cpu()

        return features_of(images, look, progress).argmax(dim=1)

    def _loss(self, images: LabelledImages, numbers: Numbers) -> Tensor:
        logits = self._output(self._body.features(self._body.reals(images.read(numbers))))
        return F.cross_entropy(logits, images.labels[torch.from_numpy(numbers)].to(self._body.device))
