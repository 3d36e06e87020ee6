"""The same architecture taught by labels alone: what features learned without labels are measured against."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.data.labelled import LabelledImages
from progan.data.reading.order import Numbers
from progan.metrics.classifier_training import ClassifierTraining, teach
from progan.metrics.probe_features import BATCH, Discriminating, Progress, features_of

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
        """Be taught the labels of the images of these numbers."""
        weights = [*self._body.network.train().parameters(), *self._output.parameters()]
        batches = -(-(LEAST + PASSES * len(numbers)) // BATCH)
        training = ClassifierTraining(images=batches * BATCH, batch=BATCH, lr=LR, seed=seed)

        def loss(chosen: Numbers, _: int) -> Tensor:
            batch = images.read(chosen)
            logits = self._output(self._body.features(self._body.reals(batch.images)))
            return F.cross_entropy(logits, batch.labels.to(self._body.device))

        teach(weights, numbers, training, loss, lambda seen, _: progress(seen, training.images))
        self._body.network.eval()

    def answers(self, images: LabelledImages, progress: Progress) -> Tensor:
        """The class of each image, int64 N."""

        def look(batch: Tensor) -> Tensor:
            with torch.no_grad():
                logits: Tensor = self._output(self._body.look(batch).to(self._body.device))
            return logits.cpu()

        return features_of(images, look, progress).argmax(dim=1)
