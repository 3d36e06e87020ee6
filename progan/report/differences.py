"""What tells several runs apart: their names and the settings that differ."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from progan.config import dotted
from progan.report.wording import NOTHING
from progan.types import ConfigError


def unique_names(roots: Sequence[Path]) -> list[str]:
    """Folder names, with as many parents before them as it takes; ConfigError if a folder is given twice."""
    paths = [root.resolve() for root in roots]
    for path, times in Counter(paths).items():
        if times > 1:
            raise ConfigError(f"{path}: given {times} times; a run is compared with others, so give it once")
    depths = [1] * len(paths)
    while True:
        names = ["/".join(path.parts[-depth:]) for path, depth in zip(paths, depths, strict=True)]
        times_used = Counter(names)
        if max(times_used.values()) == 1:
            return names
        depths = [depth + (times_used[name] > 1) for name, depth in zip(names, depths, strict=True)]


def setting_differences(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Dotted names of the settings that are not the same everywhere, with the value of each run as text."""
    flat = [{name: _text(value) for name, value in dotted(one).items()} for one in settings]
    names = list(dict.fromkeys(name for one in flat for name in one))
    rows = {name: [one.get(name, NOTHING) for one in flat] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
