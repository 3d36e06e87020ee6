"""YAML plus `a.b=value` overrides -> validated, frozen settings; every error names its dotted path."""

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from progan.types import ConfigError


class Settings(BaseModel):
    """Base of every group of settings: immutable, unknown keys and numbers without end refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]  # of a whole, less than all of it
AnySettings = TypeVar("AnySettings", bound=Settings)


def unless_named(name: str) -> BeforeValidator:
    """For settings of several kinds, told apart by `name`: a mapping without one is of the kind `name`."""
    return BeforeValidator(lambda value: {"name": name} | value if isinstance(value, dict) else value)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars and no duplicate keys: `1e-3` is a number, `on` and `no` are strings."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[tuple[type, Any]]()  # True is no other key than 1 to a dict
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            if not isinstance(key, Hashable):
                rule = "a key cannot be a mapping or a list; quote it if it is meant as text"
                raise ConfigError(f"{rule} (line {key_node.start_mark.line + 1})")
            if (type(key), key) in seen:
                raise ConfigError(f"{key}: the key stands twice (line {key_node.start_mark.line + 1}); keep one")
            seen.add((type(key), key))
        return super().construct_mapping(node, deep)


_FLOAT = re.compile(r"^[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?\.inf$|^\.nan$")
_INT = re.compile(r"^[-+]?\d+$")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not re.search("bool|float|int|timestamp", tag)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))  # 010 is ten
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def load(model: type[AnySettings], path: Path, overrides: Sequence[str] = ()) -> AnySettings:
    """Settings from the YAML file at `path`, changed by `a.b=value` overrides, validated by `model`."""
    if not path.exists():
        raise ConfigError(f"{path}: no such config file")
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name one of the files in it")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    tree = parse_yaml(text, str(path))
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: must be a mapping of settings, got {type(tree).__name__}")
    for override in overrides:
        _apply(tree, override)
    return validate(model, tree)


def parse_yaml(text: str, origin: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(f"{origin}: not valid YAML at line {line}: {error.problem}") from None
    except RecursionError:
        raise ConfigError(f"{origin}: nested too deeply to be settings") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{origin}: not valid YAML: {str(error).splitlines()[0]}") from None


def validate(model: type[AnySettings], tree: dict[str, Any]) -> AnySettings:
    """`tree` as settings of `model`; ConfigError with the dotted path of the first error."""
    try:
        settings = model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_describe(error, model, tree)) from None
    for path, given, kind in _converted(tree, settings.model_dump(), ()):
        raise ConfigError(f"{'.'.join(path)}: must be {kind}, got {given!r}")
    return settings


def dotted(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of settings as `a.b` -> value; an empty group is a value."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        path = f"{prefix}{name}"
        flat |= dotted(value, f"{path}.") if isinstance(value, Mapping) and value else {path: value}
    return flat


def _converted(given: Any, taken: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """What the model has taken for another kind of value than it is: its place, itself and the kind wanted."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for key in given.keys() & taken.keys():
            yield from _converted(given[key], taken[key], (*path, str(key)))
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for position, (one, other) in enumerate(zip(given, taken, strict=False)):
            yield from _converted(one, other, (*path, str(position)))
    elif {_kind(given), _kind(taken)} <= set(_KINDS.values()) and _kind(given) != _kind(taken):
        yield path, given, _kind(taken)


_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "")


def _apply(tree: dict[Any, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"{override}: an override reads a.b=value")
    *parents, last = [int(part) if _INT.match(part) else part for part in path.split(".")]
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        tree = tree[parent]
        if not isinstance(tree, dict):
            raise ConfigError(f"{path}: {parent} is a value, not a group of settings")
    tree[last] = parse_yaml(text, override)


def _describe(error: ValidationError, model: type[BaseModel], tree: dict[str, Any]) -> str:
    problems = error.errors()
    # Unknown keys first: a misspelt key is usually why another one is missing. Then the deepest: where a setting may
    # have several forms, that is the form that was meant.
    first = min(problems, key=lambda problem: (problem["type"] != "extra_forbidden", -len(problem["loc"])))
    names_key = first["type"] in ("extra_forbidden", "missing")
    path = ".".join(_location(first["loc"], tree, names_key))
    others = {problem["loc"][:2] for problem in problems} - {first["loc"][:2]}
    more = f" (and {len(others)} more)" if others else ""
    if first["type"] == "extra_forbidden":
        return f"{path}: {_unknown(path, first['loc'], model, tree)}{more}"
    if first["type"] == "missing":
        return f"{path}: required, not set{more}"
    message = first["msg"].removeprefix("Value error, ")
    value = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
    return f"{path}: {message[:1].lower()}{message[1:]}{value}{more}" if path else f"{message}{more}"


def _location(loc: tuple[int | str, ...], tree: Any, names_key: bool) -> Iterator[str]:
    """The parts of a pydantic location that are keys of `tree`: the tags of unions are left out.

    `names_key`: the last part is a key even where the tree lacks it.
    """
    for position, part in enumerate(loc):
        is_key = isinstance(tree, dict) and (part in tree or (names_key and position == len(loc) - 1))
        if is_key or (isinstance(tree, list) and isinstance(part, int)):
            yield str(part)
            tree = tree.get(part) if isinstance(tree, dict) else next(iter(tree[int(part) :]), None)


def _unknown(path: str, loc: tuple[int | str, ...], model: type[BaseModel], tree: dict[str, Any]) -> str:
    """What is wrong with a key, and what to do."""
    known = sorted(set(_dotted_keys(model, "")))
    parent = path.rpartition(".")[0]
    group: Any = tree
    for part in _location(loc[:-1], tree, False):
        group = group[int(part)] if isinstance(group, list) else group[part]
    if path in known and "name" in group:
        rest = f"take it away, or set {parent} as a whole: {parent}={{name: {group['name']}}}"
        return f"no setting of {group['name']!r}; {rest}"
    return f"unknown key; {_nearest(path, known)}"


def _nearest(path: str, known: Sequence[str]) -> str:
    parent = path.rpartition(".")[0]
    siblings = [key for key in known if key.rpartition(".")[0] == parent and key != path]  # another kind may have it
    others = [key for key in known if key != path]
    close = difflib.get_close_matches(path, siblings, 1, 0.6) or difflib.get_close_matches(path, others, 1, 0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(key.rpartition('.')[2] for key in siblings)}"


def _dotted_keys(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for part in _models(field.annotation):
            yield from _dotted_keys(part, f"{prefix}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated):
        for argument in get_args(annotation):
            yield from _models(argument)
