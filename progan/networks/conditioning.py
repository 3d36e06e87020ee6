"""How labels enter a network."""

import torch
from torch import Tensor
from torch.nn import functional as F


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """N int64 -> NK float; the row of an unlabelled image (-1) is zero."""
    known = (labels >= 0).unsqueeze(1)
    return F.one_hot(labels.clamp(min=0), num_classes).to(torch.float32) * known
