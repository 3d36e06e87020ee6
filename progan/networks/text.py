"""Networks that read a caption (Reed et al. 2016, arXiv 1605.05396, section 4.1)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.networks.captions import Captions
from progan.networks.dcgan import DcganDiscriminator
from progan.types import Verdict


class TextEncoder(nn.Module):
    """(labels NK) -> what their captions say, NT: the sum of learned vectors of the words, a dense layer, a rectifier.

    A sum and no recurrent network: the order of these phrases means nothing, and so it need not be learned. A sum and
    no mean: what a phrase adds does not depend on how long the caption is.
    """

    def __init__(self, names: Sequence[str], words: int, size: int) -> None:
        """names: of the K attributes. words: size of a word's vector. size: T."""
        super().__init__()
        self.size = size
        self.captions = Captions(names)
        # Words begin as vectors of length 1: longer ones make texts outweigh the latent, and then each caption has one
        # image in the end.
        self.words = nn.Embedding(len(self.captions.vocabulary), words, padding_idx=0)
        with torch.no_grad():
            self.words.weight.div_(words**0.5)
        self.dense = nn.Linear(words, size)

    def forward(self, labels: Tensor) -> Tensor:
        return F.leaky_relu(self.dense(self.words(self.captions(labels)).sum(dim=1)), 0.2)


class TextGenerator(nn.Module):
    """(latents NZ, labels NK) -> images N3RR: `painter` is given the caption's text beside the latent."""

    def __init__(self, painter: nn.Module, text: TextEncoder, latent_dim: int) -> None:
        """painter: (latents N(Z+T), labels) -> images, whatever the labels are."""
        super().__init__()
        self.latent_dim = latent_dim
        self.painter = painter
        self.text = text

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = self.painter(torch.cat([latents, self.text(labels).to(latents.dtype)], dim=1), labels)
        return images


class TextDiscriminator(nn.Module):
    """(images N3RR, labels NK) -> Verdict: the text beside each pixel of `judge`'s last maps, then a 1x1 convolution.

    It gives as many maps again, which the head of `judge` reads. Features: these maps, flattened.
    """

    def __init__(self, judge: DcganDiscriminator, text: TextEncoder, norm: nn.Module) -> None:
        """norm: of the new maps."""
        super().__init__()
        self.judge = judge
        self.text = text
        self.joining = nn.Conv2d(judge.maps + text.size, judge.maps, kernel_size=1)
        self.norm = norm

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        x = self.judge.last_maps(images, labels)
        text = self.text(labels).to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = F.leaky_relu(self.norm(self.joining(torch.cat([x, text], dim=1))), 0.2)
        verdict: Verdict = self.judge.head(x.flatten(1))
        return verdict
