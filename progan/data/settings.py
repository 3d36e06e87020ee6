"""What is trained on, and the prepared set that it names."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from progan.config import Settings
from progan.data.manifest import MANIFEST, Manifest
from progan.types import DataError, DataSpec


class DataConfig(Settings):
    """What is trained on."""

    path: str  # a prepared set, the --out of `progan prepare`: a folder, or a URL such as s3://bucket/faces
    mirror: bool = True  # show each image mirrored with probability 1/2
    resident_gb: Annotated[float, Field(ge=0, le=1e9)] = 3.0  # GiB a node: a resolution that fits is held in memory
    read_ahead: Annotated[int, Field(ge=0, le=64)] = 2  # batches a process reads while its device works
    balanced: bool = False  # show as many images of each class as of any other; those without a label are left out
    labelled_per_class: Annotated[int, Field(ge=1)] | None = None  # show so many labels of each class; null: all
    on_error: Literal["stop", "skip"] = "stop"  # an image that cannot be read: stop, or show the next one in its place
    max_skipped: Annotated[int, Field(ge=0)] = 100  # images (of a stream: shards) a process skips before it stops
    # Folder on this node's own disk to which shards are copied before they are read; null: of a URL's the user's cache
    # folder, of a folder none.
    cache: str | None = None
    cache_gb: Annotated[float, Field(gt=0, le=1e9)] = 100.0  # GiB, the least recently used shards go first
    stream: bool = False  # read a remote set through memory alone: for one larger than the cache can be
    lanes: Annotated[int, Field(ge=1)] = 8  # of a stream: shards read side by side; divides every batch

    def held_bytes(self, count: int, resolution: int) -> int:
        """Of the pixels of so many images, which are held in memory; 0: they are not."""
        size = count * 3 * resolution**2
        return 0 if self.stream or size > round(self.resident_gb * 2**30) else size

    def shown(self, data: DataSpec) -> DataSpec:
        """The facts of the set as training shows it, which the labels of generated images follow."""
        return replace(data, counts=()) if self.balanced else data

    @property
    def cache_bytes(self) -> int:
        return round(self.cache_gb * 2**30)

    @property
    def is_remote(self) -> bool:
        return "://" in self.path

    @property
    def is_cached(self) -> bool:
        return self.is_remote or self.cache is not None

    @model_validator(mode="after")
    def _streams_have_one_order(self) -> "DataConfig":
        if self.stream and self.balanced:
            raise ValueError("balanced: a stream reads whole shards in turn; turn data.stream or data.balanced off")
        return self


def open_set(config: DataConfig) -> Manifest:
    """The set that the settings name. DataError if it is not there, not complete, or a part of one."""
    if config.is_cached:
        from progan.data.remote.place import CachedPlace

        cache = Path(config.cache or "~/.cache/progan/shards").expanduser()
        url = config.path if config.is_remote else f"file://{Path(config.path).absolute()}"
        manifest = Manifest.load(CachedPlace(url, cache, config.cache_bytes))
    else:
        manifest = Manifest.load(Path(config.path))
    if manifest.contents.part is not None:
        rule = f"is part {manifest.contents.part} of a set; put the parts together first: progan merge"
        raise DataError(f"{manifest.place.describe(MANIFEST)}: {rule}")
    return manifest
