"""The Inception weights: where they are looked for, and what is checked before anything is made of them.

A weights file is a pickle, and torch-fidelity reads it in a way that runs whatever code it holds. So it is read here
first, as plain tensors only, and torch-fidelity is given a copy made of what was read.
"""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


def load_weights(setting: Path | None) -> Weights:
    """Find, fetch if need be, and check the weights; DataError says what is missing or wrong, and the remedies."""
    path = _find(setting)
    return Weights(path, _sha256(path), _read(path))


def _find(setting: Path | None) -> Path:
    """The setting, else the environment variable, else torch-fidelity's own place, filled from its URL if empty."""
    variable = os.environ.get(VARIABLE)
    for named, source in ((setting, "evaluation.weights"), (Path(variable) if variable else None, f"${VARIABLE}")):
        if named is not None:
            return _existing(named, source)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not cached.is_file():
        _fetch(cached)
    return cached


def _existing(path: Path, source: str) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: no such file, though {source} names it; point it at {FILE} or leave it unset")
    return path


def _fetch(path: Path) -> None:
    try:
        with _impatient(), atomic_path(path) as temporary:
            torch.hub.download_url_to_file(URL, str(temporary), hash_prefix=PUBLISHED, progress=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash differs
        raise DataError(
            f"{path}: the Inception weights that FID needs are missing and could not be fetched ({_line(error)}); "
            f"fetch {URL} on a machine with network and put it there, or name the file in ${VARIABLE} or in "
            "evaluation.weights; swd and msssim need no weights"
        ) from error


@contextmanager
def _impatient() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
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
