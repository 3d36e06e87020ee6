"""The shards of one resolution as open files, fetched when they are first needed, a bounded number at a time."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from progan.data.images import BadImage
from progan.data.manifest import Manifest, Shard
from progan.types import DataError

_LIMIT = 128  # a set at 1024 px has more shards than a process may open files


class OpenShard:
    """A file open for reading that closes itself when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        facts = os.fstat(self.descriptor)
        self._identity = _identity(facts)
        self.bytes = facts.st_size

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def is_current(self) -> bool:
        """Whether the path still names this file, unchanged."""
        try:
            return _identity(os.stat(self._path)) == self._identity
        except OSError:
            return False


class OpenShards:
    """Safe to use from several threads: a shard is closed when the last of them lets go of it."""

    def __init__(self, manifest: Manifest, resolution: int) -> None:
        self._place = manifest.place
        self._shards = manifest.shards(resolution)
        self._open: OrderedDict[int, OpenShard] = OrderedDict()
        self._lost: dict[int, DataError] = {}
        self._renewed: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def get(self, number: int) -> OpenShard:
        """OSError if the file cannot be opened, BadImage if it has another size, DataError if it cannot be fetched.

        A shard whose download failed is not asked for again: each sample of it would wait for the network anew.
        """
        found = self._open.get(number)  # without the lock: most calls end here
        if found is not None:
            return found
        if number in self._lost:
            raise self._lost[number]
        opened = self._opened(number, self._shards[number])  # may take long: unlocked
        with self._lock:
            kept = self._open.setdefault(number, opened)
            if len(self._open) > _LIMIT:
                self._open.popitem(last=False)
        return kept

    def refresh(self, numbers: Iterable[int]) -> None:
        """Forget those whose file was taken away, replaced or changed, though it is open: `get` then meets that."""
        if self._place.root is None:
            return  # a cached copy of a remote shard may be evicted while it is read
        for number in numbers:
            opened = self._open.get(number)
            if opened is not None and not opened.is_current():
                with self._lock:
                    self._open.pop(number, None)

    def renew(self, number: int, damaged: OpenShard) -> bool:
        """Whether `get` has another copy than `damaged`. A remote shard is downloaded anew, once."""
        with self._lock:
            if self._open.get(number) is not damaged:
                return True
            if damaged.is_current():  # or else another process has taken the damaged file away already
                if number in self._renewed or not self._place.forget(self._shards[number].sha256):
                    return False
                self._renewed.add(number)
            del self._open[number]
        return True

    def stop(self) -> None:
        """End the downloads that are under way; whoever waits for one meets Stopped."""
        self._stop.set()

    def close(self) -> None:
        with self._lock:
            self._open.clear()

    def _opened(self, number: int, shard: Shard) -> OpenShard:
        opened = self._fetched(number, shard)
        if opened.bytes != shard.bytes:
            raise BadImage(f"the shard has {opened.bytes} bytes, not {shard.bytes}")
        return opened

    def _fetched(self, number: int, shard: Shard) -> OpenShard:
        request = shard.name, shard.bytes, shard.sha256, self._stop
        try:
            try:
                return OpenShard(self._place.fetch(*request))
            except FileNotFoundError:  # a cached copy may have been evicted since
                return OpenShard(self._place.fetch(*request))
        except DataError as error:
            self._lost[number] = error
            raise


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
