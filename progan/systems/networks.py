"""The pairs of networks from which systems that do not grow choose; which one where none is named, each says itself."""

from typing import Annotated

from pydantic import Field

from progan.systems.convolutional import ConvolutionalNetworks
from progan.systems.dense import DenseNetworks

Networks = Annotated[DenseNetworks | ConvolutionalNetworks, Field(discriminator="name")]
