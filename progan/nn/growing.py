"""What networks that grow have in common."""

from torch import nn

from progan.types import MIN_RESOLUTION, resolutions_up_to


class Growing(nn.Module):
    """A network of which the layers up to a resolution run, the newest with weight `fade`."""

    def __init__(self, max_resolution: int) -> None:
        super().__init__()
        self.max_resolution = max_resolution
        self.resolution = max_resolution
        self.fade = 1.0

    def set_growth(self, resolution: int, fade: float) -> None:
        """`resolution`: pixels of the images now; `fade` in [0, 1]: weight of the newest layers, 1 = fully grown."""
        if resolution not in resolutions_up_to(self.max_resolution):
            raise ValueError(f"resolution {resolution} is not one of {resolutions_up_to(self.max_resolution)}")
        self.resolution = resolution
        self.fade = fade

    @property
    def is_fading(self) -> bool:
        return self.fade < 1 and self.resolution > MIN_RESOLUTION
