"""How labels enter a network."""

import torch
from torch import Tensor
from torch.nn import functional as F


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Labels, N class numbers or NK of 1 and 0 -> NK float; the row of an unlabelled image (-1) is zero."""
    if labels.dim() == 2:
        return labels.clamp(min=0).to(torch.float32)
    known = (labels >= 0).unsqueeze(1)
    return F.one_hot(labels.clamp(min=0), num_classes).to(torch.float32) * known


def with_labels(x: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """NF -> N(F+K), or NCHW -> N(C+K)HW: the label beside the vector, or as one constant map a class.

    x itself where there are no classes.
    """
    if num_classes == 0:
        return x
    known = one_hot(labels, num_classes).to(x.dtype)
    if x.dim() == 4:
        known = known[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, known], dim=1)
