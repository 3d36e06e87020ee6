"""A loss is a set of named, weighted terms evaluated on one round of the game."""

import math
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from progan.types import Batch, Verdict


class Round:
    """One play of the game: real and generated images of this process, and what the discriminator says of both.

    `real` is None when no term of the play reads real images. The verdicts are computed once, when a term asks.
    """

    def __init__(
        self,
        discriminator: Callable[[Tensor, Tensor], Verdict],
        real: Batch | None,  # float images in [-1, 1], faded like the generator's
        fake: Batch,
        batch: int,  # images of the global batch
        images_seen: int,  # before this round
        uniform: Callable[[str], Tensor],  # stream name -> N numbers in [0, 1), this rank's share of the global draw
        score_scale: Tensor | float = 1.0,  # loss scale of fp16; gradients of scores are taken of the scaled score
        joint: bool = False,  # whether the discriminator may judge reals and fakes in one call
        labelled: Batch | None = None,  # real images that all have a label; None: no term of the play reads them
        first: int = 0,  # number in the global batch of the first of these images
    ) -> None:
        self.discriminator = discriminator
        self._real = real
        self._labelled = labelled
        self.fake = fake
        self.batch = batch
        self.first = first
        self.images_seen = images_seen
        self.uniform = uniform
        self.score_scale = score_scale
        self._judges_jointly = joint and real is not None

    @property
    def real(self) -> Batch:
        if self._real is None:
            raise ValueError("a term reads real images but does not declare reads_real = True")
        return self._real

    @property
    def labelled(self) -> Batch:
        if self._labelled is None:
            raise ValueError("a term reads labelled images but does not declare reads_labelled = True")
        return self._labelled

    @cached_property
    def on_labelled(self) -> Verdict:
        return self._judge(self.labelled)

    @cached_property
    def on_real(self) -> Verdict:
        return self._joint[0] if self._judges_jointly else self._judge(self.real)

    @cached_property
    def on_fake(self) -> Verdict:
        return self._joint[1] if self._judges_jointly else self._judge(self.fake)

    @cached_property
    def _joint(self) -> tuple[Verdict, Verdict]:
        """Of reals and fakes in one call, which takes less time than two."""
        images = torch.cat([self.real.images, self.fake.images.to(self.real.images.dtype)])
        verdict = self._judge(Batch(images, torch.cat([self.real.labels, self.fake.labels])))
        return verdict.part(slice(len(self.real.labels))), verdict.part(slice(len(self.real.labels), None))

    def _judge(self, batch: Batch) -> Verdict:
        return self.discriminator(batch.images, batch.labels)

    def every(self, rounds: int) -> bool:
        """Whether a term evaluated once in so many rounds is due: a function of the clock, so a resume keeps it."""
        return self.images_seen // self.batch % rounds == 0


class Term(nn.Module):
    """(Round) -> scalar. A term with memory keeps it in buffers, hence in checkpoints."""

    reads_real = False  # whether the term looks at real images; a play without such a term reads none
    reads_labelled = False  # whether it looks at a batch of real images that all have a label
    reads_labels = False  # whether it is a mean over those of the real images that have a label
    apart = False  # whether it asks for none of the round's verdicts, and so has gradients of its own
    period = 1  # it works in the first of so many rounds, and rests in the others


class Weighted(NamedTuple):
    """A row of an objective; the name is the name in the logs."""

    name: str
    term: Term
    weight: float = 1.0


class Objective(nn.Module):
    """What one player minimises: the sum of its weighted terms."""

    def __init__(self, rows: Iterable[Weighted]) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.terms = nn.ModuleDict({row.name: row.term for row in self.rows})  # whose buffers are in checkpoints

    @property
    def reads_real(self) -> bool:
        return any(row.term.reads_real for row in self.rows)

    @property
    def reads_labelled(self) -> bool:
        return any(row.term.reads_labelled for row in self.rows)

    @property
    def reads_labels(self) -> bool:
        return any(row.term.reads_labels for row in self.rows)

    @property
    def period(self) -> int:
        """Rounds after which what it costs repeats."""
        return math.lcm(*(row.term.period for row in self.rows))

    @cached_property
    def parts(self) -> list[tuple[str, ...]]:
        """Names of the terms that share verdicts, then of each that stands apart.

        Taking the gradients of a part before the next is computed gives the same sums and holds fewer tensors at once.
        """
        apart = [row.name for row in self.rows if row.term.apart]
        together = tuple(row.name for row in self.rows if not row.term.apart)
        return [names for names in (together, *((name,) for name in apart)) if names]

    def forward(self, game: Round, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """The weighted value of each term, or of those named."""
        wanted = set(names or self.terms)
        return {row.name: row.weight * row.term(game) for row in self.rows if row.name in wanted}
