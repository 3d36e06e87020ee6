"""Who is missing: every rank shows signs of life to rank 0, which names the one that is gone or stands still.

A collective operation alone never says whom it waits for. Signs go through a small store of their own at rank 0, from a
thread of each process, so they do not depend on what the training itself is doing.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from progan.distributed.world import World

BEAT_SECONDS = 1.0  # between signs of life
GONE_SECONDS = 20.0  # without a sign: the process was killed, or its node is dead or cut off
PATIENCE_SECONDS = 1800.0  # alive, but the others wait for it

Lost = Callable[[str], None]


class Watch:
    """Watches until `close`, which all ranks call at the same place. With one process it does nothing."""

    def __init__(
        self, world: World, lost: Lost, gone: float = GONE_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        """lost(message) is called, in a thread of every rank that is left, when one is gone or stands still: to end it.

        Within `gone` seconds of a death; within `patience` seconds of the last step that others wait for.
        """
        self.patience = patience
        self._world = world
        self._lost = lost
        self.gone = gone
        self._over = threading.Event()
        if world.size == 1:
            return
        self._store = _shared_store(world, gone)
        self._beats = 0
        self._seen: list[_Signs] = [_Signs() for _ in range(world.size)]
        self._show()
        dist.barrier()  # every rank has shown itself
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")
        self._thread.start()

    def stop(self) -> None:
        """This process ends by itself, and for a reason of its own."""
        self._over.set()

    def close(self) -> None:
        """All ranks have come to the end."""
        self.stop()
        if self._world.size > 1:
            self._thread.join()
            dist.barrier()  # the store goes with rank 0

    def _watch(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                self._show()
                message = self._judged() if self._world.is_main else self._heard()
            except RuntimeError:  # the store does not answer
                message = "" if self._over.is_set() else f"rank 0 ({os.environ.get('MASTER_ADDR', '?')}) is gone"
            if message:
                self._lost(message)
                return

    def _show(self) -> None:
        self._beats += 1
        pulse = self._world.pulse
        facts = (self._beats, pulse.arrivals, pulse.signs, socket.gethostname())
        self._store.set(_key(self._world.rank), " ".join(map(str, facts)))

    def _heard(self) -> str:
        return self._store.get("lost").decode() if self._store.check(["lost"]) else ""

    def _judged(self) -> str:
        now = time.monotonic()
        for signs, text in zip(
            self._seen, self._store.multi_get(list(map(_key, range(self._world.size)))), strict=True
        ):
            signs.note(text.decode(), now)
        message = self._verdict(now)
        if message:
            self._store.set("lost", message)
            time.sleep(2 * BEAT_SECONDS)  # until the others have heard it
        return message

    def _verdict(self, now: float) -> str:
        gone = [rank for rank, signs in enumerate(self._seen) if now - signs.shown > self.gone]
        if gone:
            return f"{self._named(gone)} gone: no sign of life for {self.gone:.0f} s"
        # Whoever has arrived at more agreements waits for those with the fewest.
        first = min(signs.arrivals for signs in self._seen)
        late = [rank for rank, signs in enumerate(self._seen) if signs.arrivals == first]
        if all(now - self._seen[rank].moved > self.patience for rank in late):
            return f"{self._named(late)} standing still for {self.patience:.0f} s"
        return ""

    def _named(self, ranks: list[int]) -> str:
        names = [f"{rank} ({self._seen[rank].host})" for rank in ranks]
        return f"rank {names[0]} is" if len(ranks) == 1 else f"ranks {', '.join(names)} are"


class _Signs:
    """What rank 0 knows of a rank."""

    def __init__(self) -> None:
        self.shown = self.moved = time.monotonic()
        self.arrivals = 0
        self.host = "?"
        self._beats = self._signs = ""

    def note(self, text: str, now: float) -> None:
        beats, arrivals, signs, self.host = text.split(" ", 3)
        if beats != self._beats:
            self._beats, self.shown = beats, now
        if (int(arrivals), signs) != (self.arrivals, self._signs):
            self.arrivals, self._signs, self.moved = int(arrivals), signs, now


def _shared_store(world: World, gone: float) -> TCPStore:
    """Held by rank 0, on a port that it chooses."""
    timeout, address = timedelta(seconds=gone), os.environ["MASTER_ADDR"]
    store = TCPStore(address, 0, is_master=True, timeout=timeout, wait_for_workers=False) if world.is_main else None
    port = [store.port if store else 0]
    dist.broadcast_object_list(port, src=0)
    return store or TCPStore(address, port[0], is_master=False, timeout=timeout, wait_for_workers=False)


def _key(rank: int) -> str:
    return f"rank-{rank}"
