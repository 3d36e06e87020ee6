"""Layers that let a discriminator see the variety of a minibatch."""

import torch
from torch import Tensor, nn

from progan.nn.norm import at_least_fp32


class MinibatchStddev(nn.Module):
    """NCHW -> N(C+1)HW: one more map with the standard deviation within each group (section 3).

    The standard deviation over the `group` consecutive samples (fp32, + 1e-8 under the root) is averaged over C, H and
    W to one number for each group. A batch smaller than `group` is one group; otherwise `group` must divide the batch.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        group = min(self.group, n)
        grouped = at_least_fp32(x).reshape(n // group, group, -1)
        # Not Tensor.var, which is many times slower over a dimension that is not the last.
        variance = (grouped - grouped.mean(dim=1, keepdim=True)).square().mean(dim=1)
        statistic = torch.sqrt(variance + 1e-8).mean(dim=1).repeat_interleave(group).to(x.dtype)
        return torch.cat([x, statistic.view(n, 1, 1, 1).expand(n, 1, h, w)], dim=1)


class MinibatchDiscrimination(nn.Module):
    """NA -> N(A+B): beside its features how near a sample is to the others (arXiv 1606.03498, section 3.2).

    Each sample is taken to B rows of C numbers, M = x T; o_b is the sum over the other samples of
    exp(-|M_b - M'_b|_1), between 0 and N - 1. It needs 4 B C N^2 bytes.
    """

    def __init__(self, features: int, kernels: int, size: int) -> None:
        """kernels: B. size: C."""
        super().__init__()
        self.shape = (kernels, size)
        self.tensor = nn.Linear(features, kernels * size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows = at_least_fp32(self.tensor(x)).view(len(x), *self.shape)
        near = torch.exp(-(rows[:, None] - rows).abs().sum(dim=3))  # NNB
        others = near.sum(dim=1) - 1  # its nearness to itself is 1
        return torch.cat([x, others.to(x.dtype)], dim=1)
