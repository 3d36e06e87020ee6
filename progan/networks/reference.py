"""A fixed batch that networks with virtual batch norm are given beside every other."""

import torch
from torch import Tensor, nn

from progan.types import UNLABELLED


class Reference(nn.Module):
    """Rows that go through a network before those of any batch, so that its layers can refer to them; unlabelled."""

    def __init__(self, rows: Tensor) -> None:
        """rows: R inputs of the network."""
        super().__init__()
        self.register_buffer("rows", rows)
        self.rows: Tensor

    def join(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Both of N with those of the R rows before them."""
        unlabelled = labels.new_full((len(self.rows), *labels.shape[1:]), UNLABELLED)
        return torch.cat([self.rows.to(inputs.dtype), inputs]), torch.cat([unlabelled, labels])

    def leave(self, outputs: Tensor) -> Tensor:
        """Those of the N alone."""
        return outputs[len(self.rows) :]
