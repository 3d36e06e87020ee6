"""Videos: animated WebP and GIF through Pillow, MP4 through PyAV where it is installed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from progan.files import atomic_path
from progan.types import ConfigError

WEBP_QUALITY = 90  # of 100: below, the edges of enlarged pixels blur
MP4_QUALITY = "16"  # constant rate factor of H.264: smaller is better, 0 is lossless

# (frames, how long each is shown, frames per second, file)
Writer = Callable[[Iterable[Tensor], Sequence[int], float, Path], None]


def write_video(frames: Iterable[Tensor], times: Sequence[int], fps: float, path: Path) -> None:
    """Write frames, HW3 uint8 of one size, to `path`, atomically; its ending says how.

    times: for how many times 1/`fps` seconds each frame is shown; as many as there are frames, at least one.
    Frames are taken one by one: MP4 and WebP hold few of them at once, GIF a byte for each pixel until the end.
    ConfigError as `check_video`.
    """
    check_video(path)
    with atomic_path(path) as temporary:
        WRITERS[path.suffix.lower()](frames, times, fps, temporary)


def check_video(path: Path, others: Sequence[str] = ()) -> None:
    """ConfigError for an ending that is none of a video's, nor of `others`, and for MP4 where PyAV is missing."""
    ending = path.suffix.lower()
    if ending not in (*WRITERS, *others):
        raise ConfigError(f"{path}: unknown ending {ending!r}; choose one of {', '.join((*others, *WRITERS))}")
    if ending == ".mp4":
        _import_av()


def _write_webp(frames: Iterable[Tensor], times: Sequence[int], fps: float, path: Path) -> None:
    milliseconds = [1000 * time / fps for time in times]
    film = _Film(frames, len(times))
    film.save(path, "WEBP", save_all=True, duration=milliseconds, loop=0, quality=WEBP_QUALITY, method=4)


def _write_gif(frames: Iterable[Tensor], times: Sequence[int], fps: float, path: Path) -> None:
    # The format counts whole 1/100 s: what one frame loses by rounding the next one gets.
    ends = [round(100 * end / fps) for end in accumulate(times, initial=0)]
    milliseconds = [10 * (end - begin) for begin, end in pairwise(ends)]
    _Film(frames, len(times)).save(path, "GIF", save_all=True, duration=milliseconds, loop=0)


def _write_mp4(frames: Iterable[Tensor], times: Sequence[int], fps: float, path: Path) -> None:
    av = _import_av()
    pictures = map(_even, frames)
    first = next(pictures)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"  # the one that every player knows
        stream.options = {"crf": MP4_QUALITY}
        for picture, time in zip(chain([first], pictures), times, strict=True):
            for _ in range(time):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


WRITERS: dict[str, Writer] = {".webp": _write_webp, ".gif": _write_gif, ".mp4": _write_mp4}


class _Film(Image.Image):
    """Frames as a picture of Pillow's that is wound on, because a list of pictures would be held in memory whole."""

    def __init__(self, frames: Iterable[Tensor], count: int) -> None:
        super().__init__()
        self.n_frames = count
        self._frames: Iterator[Tensor] = iter(frames)
        self._place = -1
        self.seek(0)

    def tell(self) -> int:
        return self._place

    def seek(self, frame: int) -> None:
        """Only forwards; a place that is passed is left."""
        if frame >= self.n_frames:
            raise EOFError
        while self._place < frame:
            shown = Image.fromarray(next(self._frames).numpy())
            self.im, self._mode, self._size = shown.im, shown.mode, shown.size
            self._place += 1


def _even(frame: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """With even sides, as H.264's colours need them: the last row or column is doubled."""
    height, width, _ = frame.shape
    return np.pad(frame.numpy(), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ConfigError(".mp4 needs PyAV: pip install 'progan[video]', or write .webp or .gif") from error
    return av
