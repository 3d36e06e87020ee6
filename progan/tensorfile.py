"""Named tensors plus JSON facts in one safetensors file: written atomically with a checksum, read without pickle."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from progan.files import atomic_path
from progan.types import DataError


def save_tensors(path: Path, kind: str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """`kind` names the format and its version; `facts` is JSON. DataError where there is no room."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"progan": json.dumps({"format": kind, "sha256": _digest(held), **facts})}
    with atomic_path(path) as temporary:
        try:
            save_file(held, temporary, metadata=header)
        except SafetensorError as error:
            raise DataError(
                f"{path}: cannot be written ({error}); make room, and give the same command again"
            ) from None


def load_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and facts of a file of this `kind`; DataError naming the file otherwise.

    Files of before there was a checksum have none to compare.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("progan", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a readable {kind} ({error})") from None
    if facts.get("format") != kind:
        raise DataError(f"{path}: is {facts.get('format', 'some other safetensors file')!r}, expected {kind!r}")
    wanted = facts.pop("sha256", None)
    if wanted is not None and wanted != _digest(tensors):
        raise DataError(f"{path}: damaged: its tensors do not have the checksum they were written with")
    return tensors, facts


def _digest(tensors: dict[str, Tensor]) -> str:
    """Of names and contents."""
    digest = sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
