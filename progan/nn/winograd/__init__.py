"""3x3 convolutions of a CPU in fewer multiplications (Winograd's; Lavin and Gray, arXiv 1509.09308).

axes.py        what is done along one axis: a convolution, one of a doubled image, one that halves
tiles.py       the same along both axes of images, band by band, with matrix products between
operations.py  as operations of torch, and where they pay
"""

from progan.nn.winograd.axes import Kind
from progan.nn.winograd.operations import convolve, pays, pays_for_weights, weight_gradient

__all__ = ["Kind", "convolve", "pays", "pays_for_weights", "weight_gradient"]
