"""Pickles of plain values and byte arrays, read without running what they say.

A pickle is a program that may call anything. This unpickler knows the few names that numpy arrays are pickled by, puts
its own harmless builders in their places, and refuses every other name.
"""

import io
import pickle
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from progan.data.images import one_line
from progan.types import DataError


def read(where: str, data: bytes) -> dict[Any, Any]:
    """The dictionary in it, byte strings of Python 2 as texts and its uint8 arrays as such. DataError, one line."""
    try:
        found = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises many types, all of them about this one file
        raise DataError(
            f"{where}: not a file of plain values and byte arrays ({one_line(error)}); get it again"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{where}: holds no dictionary; get it again")
    return {_text(key): _plain(value) for key, value in found.items()}


class _Array:
    """What a numpy array is pickled as."""

    def __init__(self) -> None:
        self.values: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.values = _array(data, dtype, shape, "F" if fortran else "C")


class _Dtype:
    def __init__(self, name: Any, *_: Any) -> None:
        self.name = _text(name)

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like: bytes have none."""


class _Builder(tuple[Callable[..., Any]]):
    """A function in a form that a pickle can call but not change."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Any:
        return self[0](*arguments)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        builder = _BUILDERS.get((module.replace("numpy._core", "numpy.core"), name))
        if builder is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return builder


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[np.uint8]:
    if not isinstance(dtype, _Dtype) or dtype.name not in ("u1", "|u1", "uint8"):
        raise ValueError("an array is not of bytes")
    if not isinstance(data, bytes | bytearray) or len(data) != prod(shape):
        raise ValueError("an array is not as long as it says")
    array: NDArray[np.uint8] = np.frombuffer(data, np.uint8).reshape(shape, order="F" if order == "F" else "C")
    return array


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.values = _array(data, dtype, shape, order)
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


_BUILDERS = {
    ("numpy.core.multiarray", "_reconstruct"): _Builder((lambda *_: _Array(),)),
    ("numpy.core.numeric", "_frombuffer"): _Builder((_from_buffer,)),
    ("numpy", "ndarray"): _Builder((_Array,)),
    ("numpy", "dtype"): _Builder((_Dtype,)),
    ("_codecs", "encode"): _Builder((_encode,)),
}


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.values
    return [_text(item) for item in value] if isinstance(value, list) else _text(value)
