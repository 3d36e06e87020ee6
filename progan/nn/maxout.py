"""Units that learn their own activation."""

from torch import Tensor, nn


class Maxout(nn.Module):
    """NI -> NO: each unit gives the largest of its `pieces` affine functions (arXiv 1302.4389, equation 1)."""

    def __init__(self, in_features: int, units: int, pieces: int) -> None:
        super().__init__()
        self.units = units
        self.pieces = pieces
        self.affine = nn.Linear(in_features, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        values: Tensor = self.affine(x)
        return values.view(-1, self.units, self.pieces).amax(dim=2)
