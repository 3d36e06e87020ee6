"""Named tensors plus JSON facts in one safetensors file: written atomically with a checksum, read without pickle."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from progan.files import atomic_path, parse_json
from progan.types import Damaged, DataError


def save_tensors(path: Path, kind: str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """`kind` names the format and its version; `facts` is JSON. DataError where there is no room."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    told = {"format": kind, **facts}
    header = {"progan": json.dumps({"checksum": _digest(held, told), **told})}
    with atomic_path(path) as temporary:
        try:
            save_file(held, temporary, metadata=header)
        except SafetensorError as error:
            raise DataError(
                f"{path}: cannot be written ({error}); make room, and give the same command again"
            ) from None


def load_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and facts of a file of this `kind`.

    DataError where the file cannot be read, Damaged where it is no such file, or not as it was written. Files of before
    2026-12-01 have a checksum of the tensors alone, older ones none.
    """
    _require_readable(path, kind)
    try:
        with safe_open(path, framework="pt") as file:
            facts = parse_json((file.metadata() or {}).get("progan", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise Damaged(f"{path}: not a readable {kind} ({error})") from None
    _compare_checksum(path, tensors, facts)
    if facts.get("format") != kind:
        raise Damaged(f"{path}: is {facts.get('format', 'some other safetensors file')!r}, expected {kind!r}")
    return tensors, facts


def _compare_checksum(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Takes it out of the facts."""
    of_tensors, of_all = facts.pop("sha256", None), facts.pop("checksum", None)
    wanted = of_all or of_tensors
    if wanted is not None and wanted != _digest(tensors, facts if of_all else None):
        raise Damaged(f"{path}: damaged: its contents do not have the checksum they were written with")


def _require_readable(path: Path, kind: str) -> None:
    """What stands in the way is no damage: of a disk, or of rights."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise DataError(f"{path}: not a readable {kind} ({error.strerror})") from None


def _digest(tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> str:
    """Of names and contents, and of facts if given."""
    digest = sha256()
    if facts is not None:
        digest.update(json.dumps(json.loads(json.dumps(facts)), sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
