"""Samples of one resolution held in memory, filled as they are asked for: nothing is loaded before it is needed.

A sample comes into memory after its checksum was verified, and is not read again: what becomes of its shard later
does not matter to it. One process keeps its own memory; several of a node share one copy, see shared.py.
"""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from progan.data.reading.reader import Reader, Reading
from progan.data.reading.shared import SharedBytes
from progan.types import ConfigError


class Resident:
    """All samples of one resolution, as far as they were asked for. One caller at a time.

    Who finds a sample absent reads it into memory of its own, verifies it, copies it to its place and then marks it.
    That needs no lock between processes: all who do so copy the same bytes, so a place is written with what it holds
    already or not marked yet; and a mark is only seen after its bytes (see `_in_order`).
    """

    def __init__(self, reader: Reader, count: int, pin: bool = False, shared_as: str | None = None) -> None:
        """count: samples. pin: whether batches lie in page-locked memory.

        shared_as: what names the data to the other processes of the node, a fingerprint; None: this process alone.
        ConfigError if there is not the memory.
        """
        self._reader = reader
        self._pin = pin
        self._lock = threading.Lock()
        side = reader.resolution
        self._shared = None if shared_as is None else SharedBytes(f"{shared_as[:32]}-{side}", count * (1 + 3 * side**2))
        memory = _own_memory(count * (1 + 3 * side**2)) if self._shared is None else self._shared.array
        self._marks = memory[:count]  # 1: held
        self._pixels = memory[count:].reshape(count, side, side, 3)
        self._images = torch.from_numpy(self._pixels)
        self._is_complete = False

    def begin(self, rows: NDArray[np.int64]) -> "Gathering":
        """Start reading those of these samples that are absent."""
        absent = np.unique(rows[self._marks[rows] == 0]) if not self._is_complete else rows[:0]
        return Gathering(self, rows, absent, self._reader.begin(absent) if absent.size else None)

    def put(self, rows: NDArray[np.int64], images: Tensor) -> None:
        """Hold these samples from now on: uint8 (N, H, W, 3)."""
        self._pixels[rows] = images.numpy()
        self._in_order()
        self._marks[rows] = 1
        # Counted, not summed up: other processes fill samples too.
        self._is_complete = bool(self._marks.view(np.bool_).all())

    def take(self, rows: NDArray[np.int64]) -> Tensor:
        """Samples that are held: uint8 (N, H, W, 3)."""
        self._in_order()
        images = torch.empty((len(rows), *self._images.shape[1:]), dtype=torch.uint8, pin_memory=self._pin)
        return torch.index_select(self._images, 0, torch.from_numpy(rows), out=images)

    def close(self) -> None:
        """Let go of files and memory."""
        self._reader.close()
        del self._images, self._pixels, self._marks
        if self._shared is not None:
            self._shared.close()

    def _in_order(self) -> None:
        """What was written or read before this is so before what follows, to the eyes of other processors.

        x86 keeps that order by itself, ARM does not; letting go of a lock and then taking one is a full barrier there.
        """
        for _ in range(2):
            with self._lock:
                pass


class Gathering:
    """Samples on their way."""

    def __init__(
        self, resident: Resident, rows: NDArray[np.int64], absent: NDArray[np.int64], reading: Reading | None
    ) -> None:
        self._resident = resident
        self._rows = rows
        self._absent = absent
        self._reading = reading

    def result(self) -> Tensor:
        """Wait for them: uint8 (N, H, W, 3). UnreadableSample for the first that fails."""
        if self._reading is not None:
            self._resident.put(self._absent, self._reading.result())
        return self._resident.take(self._rows)

    def cancel(self) -> None:
        """They are not needed any more."""
        if self._reading is not None:
            self._reading.cancel()


def _own_memory(size: int) -> NDArray[np.uint8]:
    try:
        return np.zeros(size, np.uint8)  # the system gives its pages when they are written
    except MemoryError as error:
        raise ConfigError(f"data.resident_gb: no memory for {size / 2**30:.3g} GiB of images; lower it") from error
