"""Noise that makes a network's task harder while it learns."""

import torch
from torch import Tensor, nn


class GaussianNoise(nn.Module):
    """x + N(0, deviation^2) in training mode, x itself in evaluation mode; drawn from torch's global generator."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        return x + self.deviation * torch.randn_like(x) if self.training else x
