"""Features and floors of real images on disk, so that no evaluation repeats what another has done.

A file is named by a digest of everything its content depends on: data, order of the images, resolution, network,
preprocessing, versions of libraries and of this package's own code, device. Features take 12 kB an image (50,000 and as
many for the floor: 1.2 GB).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from progan.files import atomic_path, parse_json, write_json
from progan.metrics import MetricSpec
from progan.metrics.features import FeatureNetwork, Features
from progan.metrics.gathering import Outcome

# Of the code whose values are kept. Raise it with every change after which the same images give another floor, or other
# features: in progan/metrics (families, thumbnails, the reading of a classifier), progan/networks/classifier.py and
# progan/data (decoding, the order for metrics). tests/metrics/test_real_cache.py fails where that was forgotten.
VERSION = 1

Outcomes = dict[str, Outcome]  # by the name of the result


class RealCache:
    """One folder, which any number of processes may use at once. What cannot be read is measured again."""

    def __init__(self, folder: Path | None, facts: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """folder: None keeps nothing. facts: what every value depends on, ready for JSON. note: takes a line where a
        file cannot be written, for that costs only time."""
        self._folder, self._facts, self._note = folder, facts, note

    def features(self, resolution: int, network: FeatureNetwork, images: int) -> Features | None:
        """Of the first `images` real images; None if not so many are kept."""
        for path in self._features(resolution, network):
            if _images(path) >= images:
                try:
                    with safe_open(path, framework="pt") as file:
                        return Features(*(file.get_slice(layer)[:images] for layer in Features._fields))
                except (SafetensorError, OSError):
                    continue
        return None

    def keep_features(self, resolution: int, network: FeatureNetwork, features: Features) -> None:
        """In place of those of fewer images."""
        images = len(features.pooled)

        def write(folder: Path) -> None:
            stem = f"features-{self._digest(_of_network(network, resolution))}"
            with atomic_path(folder / f"{stem}-{images}.safetensors") as temporary:
                save_file({name: layer.contiguous() for name, layer in features._asdict().items()}, temporary)
            for path in self._features(resolution, network):
                if _images(path) < images:
                    path.unlink(missing_ok=True)

        self._write(write)

    def floor(self, spec: MetricSpec, resolution: int, network: FeatureNetwork | None) -> Outcomes | None:
        if self._folder is None:
            return None
        try:
            text = (self._folder / self._floor(spec, resolution, network)).read_text(encoding="utf-8")
            return {name: Outcome(**outcome) for name, outcome in parse_json(text).items()}
        except (OSError, ValueError):
            return None

    def keep_floor(self, spec: MetricSpec, resolution: int, network: FeatureNetwork | None, floor: Outcomes) -> None:
        found = {name: asdict(outcome) for name, outcome in floor.items()}
        self._write(lambda folder: write_json(folder / self._floor(spec, resolution, network), found))

    def _features(self, resolution: int, network: FeatureNetwork) -> list[Path]:
        pattern = f"features-{self._digest(_of_network(network, resolution))}-*.safetensors"
        return [] if self._folder is None else list(self._folder.glob(pattern))

    def _floor(self, spec: MetricSpec, resolution: int, network: FeatureNetwork | None) -> str:
        return f"floor-{self._digest({'metric': asdict(spec), **_of_network(network, resolution)})}.json"

    def _digest(self, facts: Mapping[str, Any]) -> str:
        return hashlib.sha256(
            json.dumps({"version": VERSION, **self._facts, **facts}, sort_keys=True).encode()
        ).hexdigest()[:32]

    def _write(self, write: Callable[[Path], None]) -> None:
        if self._folder is None:
            return
        try:
            write(self._folder)
        except (OSError, SafetensorError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self._note(f"evaluation.cache: {self._folder}: {reason}; real images are measured again next time")
            self._folder = None  # said once


def _of_network(network: FeatureNetwork | None, resolution: int) -> dict[str, Any]:
    return {"resolution": resolution, "network": network and [network.sha256, network.preprocessing]}


def _images(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
