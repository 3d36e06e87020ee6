"""The Inception weights: where they are looked for, and what is checked before anything is made of them.

A weights file is a pickle, and torch-fidelity reads it in a way that runs whatever code it holds. So it is read here
first, as plain tensors only, and torch-fidelity is given a copy made of what was read.
"""

import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor

from progan.files import atomic_path
from progan.types import DataError

VARIABLE = "PROGAN_INCEPTION_WEIGHTS"
FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
PUBLISHED = "6726825d"  # how the sha256 of the published file begins
_LAYOUT = "760681d791cb624e1bf7a2e802a68933dd17aa5e3109fcf498d9dfa521bc10d7"  # of torch-fidelity 0.4's Inception
_PATIENCE = 10.0  # seconds without an answer: a machine behind a firewall gets none, ever
_BLOCK = 2**20  # bytes read at once

Show = Callable[[int, int], None]  # bytes so far, of all: 0 where the server does not say


@dataclass(frozen=True)
class Weights:
    """A checked weights file."""

    path: Path
    sha256: str
    tensors: dict[str, Tensor]

    @property
    def published(self) -> bool:
        """Only with these weights is a Fréchet distance called FID."""
        return self.sha256.startswith(PUBLISHED)


@dataclass(frozen=True)
class Place:
    """Where the weights are looked for."""

    path: Path
    named_by: str | None  # the setting or variable that names it; None: torch-fidelity's cache, filled when empty


def load_weights(setting: Path | None, name: str = "evaluation.weights", url: str = URL) -> Weights:
    """Find, fetch if need be, and check the weights; DataError says what is missing or wrong, and the remedies.

    name: of the setting.
    """
    place = find_weights(setting, name)
    if place.named_by is None and not place.path.is_file():
        fetch_weights(place.path, url)
    return check_weights(place)


def find_weights(setting: Path | None, name: str = "evaluation.weights") -> Place:
    """The setting called `name`, else the environment variable, else torch-fidelity's cache; a file or not."""
    if setting is not None:
        return Place(setting, name)
    if variable := os.environ.get(VARIABLE):
        return Place(Path(variable), f"${VARIABLE}")
    return Place(Path(torch.hub.get_dir()) / "checkpoints" / FILE, None)


def check_weights(place: Place) -> Weights:
    """Read the weights as plain tensors; DataError where there is no file or one of another content."""
    path = place.path
    if not path.is_file():
        why = f", though {place.named_by} names it; point it at {FILE} or leave it unset" if place.named_by else ""
        raise DataError(f"{path}: no such file{why or '; progan weights fetch brings it'}")
    return Weights(path, sha256_of(path), _read(path))


def fetch_weights(path: Path, url: str = URL, sha256: str = PUBLISHED, show: Show = lambda done, total: None) -> None:
    """Download the weights to `path`; DataError, and nothing written, unless all is there and what was expected.

    sha256: how the digest of the file begins.
    """
    try:
        with atomic_path(path) as temporary:
            _download(url, temporary, show)
            digest = sha256_of(temporary)
            if not digest.startswith(sha256):
                raise OSError(f"what came is another file: its hash begins with {digest[:8]}, not {sha256[:8]}")
    except (OSError, HTTPException) as error:
        raise DataError(
            f"{path}: the Inception weights that FID needs are missing and could not be fetched ({_line(error)}); "
            f"on a machine with network run progan weights fetch --out FILE, or fetch {url}, and put the file there, "
            f"or name it in ${VARIABLE} or in evaluation.weights; swd and msssim need no weights"
        ) from error


def _download(url: str, path: Path, show: Show) -> None:
    with urllib.request.urlopen(url, timeout=_PATIENCE) as answer, path.open("wb") as file:
        total = int(answer.headers.get("Content-Length", 0))
        while block := answer.read(_BLOCK):
            file.write(block)
            show(file.tell(), total)
        if file.tell() < total:
            raise OSError(f"the connection broke after {file.tell()} of {total} bytes")


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file from anywhere fails in any way: unpickling, zip, memory, permissions
        raise DataError(
            f"{path}: refused as Inception weights, not a readable file of plain tensors ({_line(error)}); fetch {URL}"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise DataError(f"{path}: refused as Inception weights, not a dictionary of tensors; fetch {URL}")
    if layout(content) != _LAYOUT:
        raise DataError(
            f"{path}: refused as Inception weights, its {len(content)} tensors are not those of torch-fidelity's "
            f"Inception; fetch {URL}"
        )
    return dict(content)


def layout(tensors: dict[str, Tensor]) -> str:
    """A digest of names and shapes."""
    lines = sorted(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(error: Exception) -> str:
    """The error's first line, cut to a length that leaves the message readable."""
    return f"{type(error).__name__}: {error}".split("\n")[0][:160]
