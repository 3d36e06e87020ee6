"""Named tensors plus JSON facts in one safetensors file: written atomically, read without pickle."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from progan.files import atomic_path
from progan.types import DataError


def save_tensors(path: Path, kind: str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """`kind` names the format and its version; `facts` is JSON."""
    header = {"progan": json.dumps({"format": kind, **facts})}
    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=header)


def load_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and facts of a file of this `kind`; DataError naming the file otherwise."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("progan", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a readable {kind} ({error})") from None
    if facts.get("format") != kind:
        raise DataError(f"{path}: is {facts.get('format', 'some other safetensors file')!r}, expected {kind!r}")
    return tensors, facts
