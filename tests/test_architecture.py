"""The layers of the house: a module imports only from lower layers or its own package."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAYERS = [
    {"types"},
    {"config", "files", "random"},
    {"nn", "data", "schedule", "rundir", "tensorfile", "distributed"},
    {"networks", "losses"},
    {"systems", "metrics", "sampling"},
    {"engine", "report"},
    {"settings"},
    {"pipelines"},
]
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
# Libraries that only these parts may import.
OWNERS = {
    "accelerate": {"distributed", "engine", "pipelines"},
    "webdataset": {"data"},
    "torch_fidelity": {"metrics"},
    "sklearn": {"metrics"},
    "typer": {"pipelines"},
    "rich": {"pipelines"},
    "torch.distributed": {"distributed"},
}


def _modules() -> list[Path]:
    return [path for package in ("progan", "pipelines") for path in sorted((ROOT / package).rglob("*.py"))]


def _part(path: Path) -> str:
    """The package or module of the house a file belongs to."""
    inside = path.relative_to(ROOT)
    return "pipelines" if inside.parts[0] == "pipelines" else inside.parts[1].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_belongs_to_a_layer() -> None:
    parts = {_part(path) for path in _modules()} - {"__init__"}
    assert parts == set(LAYER)


def test_imports_point_downwards() -> None:
    wrong = []
    for path in _modules():
        part = _part(path)
        if part == "__init__":  # the facade, which imports inside its functions
            continue
        for name in _imports(path):
            root, _, rest = name.partition(".")
            other = "pipelines" if root == "pipelines" else rest.split(".")[0] if root == "progan" else None
            if other in LAYER and other != part and LAYER[other] >= LAYER[part]:
                wrong.append(f"{path.relative_to(ROOT)} (layer {LAYER[part]}) imports {name} (layer {LAYER[other]})")
    assert not wrong


def test_libraries_stay_with_their_owners() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules()
        for name in _imports(path)
        for library, owners in OWNERS.items()
        if (name == library or name.startswith(f"{library}.")) and _part(path) not in owners
    ]
    assert not wrong


def test_only_pipelines_end_the_program_or_print() -> None:
    wrong = []
    for path in _modules():
        if _part(path) == "pipelines":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "exit", "print", "quit"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong
