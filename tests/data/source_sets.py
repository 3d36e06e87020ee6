"""What the tests of sources share: how to look at one, and small pictures to put into one."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from progan.data.sources import Source, SourceOptions, open_source

Writer = Callable[..., Path]


def names(source: Source) -> list[str]:
    return [entry.name for entry in source.entries]


def labels(source: Source) -> list[object]:
    return [entry.label for entry in source.entries]


def pixels(source: Source, number: int) -> NDArray[np.uint8]:
    """As a worker would get them: the loader crosses a pickle."""
    load, entry = pickle.loads(pickle.dumps((source.load, source.entries[number])))
    loaded: NDArray[np.uint8] = load(entry).pixels
    return loaded


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def classes_of(path: Path, label: str = "class", **options: str) -> tuple[tuple[str, ...], list[object]]:
    source = open_source(str(path), SourceOptions(label=label, **options))  # type: ignore[arg-type]
    return source.classes, labels(source)
