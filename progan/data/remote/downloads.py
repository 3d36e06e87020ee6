"""Shards of a remote set on their way to this node before they are asked for."""

import threading
from collections.abc import Sequence

from progan.data.manifest import Manifest, Shard
from progan.data.place import Place, Stopped
from progan.types import ProganError

_THREADS = 4  # that download ahead: one connection seldom fills a line


class Downloads:
    """The resolutions of a set, each and the next one while it is trained. Of a folder there is nothing to download."""

    def __init__(self, manifest: Manifest, room: int) -> None:
        """room: bytes of shards that this node can hold."""
        self._manifest = manifest
        self._room = room
        self._planned: set[int] = set()
        self._under_way: Prefetch | None = None

    def plan(self, resolution: int) -> None:
        """It will be trained. ConfigError where there is not the room."""
        self.require_room(resolution)
        self._planned.add(resolution)

    def require_room(self, resolution: int) -> None:
        """ConfigError unless all shards of it can be here together: any sample may be asked for next."""
        self._manifest.place.require_room(self._manifest.files(resolution).bytes)

    def start(self, resolution: int) -> None:
        """Go over to a resolution, then to the next one that is planned if there is room for both."""
        self.stop()
        self.require_room(resolution)
        if self._manifest.place.root is None:
            self._under_way = Prefetch(self._manifest.place, self._wanted(resolution))

    def stop(self) -> None:
        if self._under_way is not None:
            self._under_way.stop()

    def _wanted(self, resolution: int) -> list[Shard]:
        following = sorted(planned for planned in self._planned if planned > resolution)[:1]
        wanted = [self._manifest.files(size) for size in (resolution, *following)]
        if sum(files.bytes for files in wanted) > self._room:
            wanted = wanted[:1]
        return [shard for files in wanted for shard in files.shards]


class Prefetch:
    """Threads that fetch shards in order; whoever fetches one meanwhile waits for it or takes it over.

    The first failure ends them without a word: whoever fetches that shard meets it and raises it in the right place.
    """

    def __init__(self, place: Place, shards: Sequence[Shard]) -> None:
        self._place = place
        self._shards = iter(shards)
        self._stop = threading.Event()
        self._next = threading.Lock()
        for _ in range(_THREADS):
            # Daemons: a program that ends does not wait for what it no longer needs; a cut download is resumed later.
            threading.Thread(target=self._work, name="download", daemon=True).start()

    def stop(self) -> None:
        """Returns at once; the threads end after the range that is under way, which the next download goes on from."""
        self._stop.set()

    def _work(self) -> None:
        try:
            while not self._stop.is_set() and (shard := self._take()) is not None:
                self._place.fetch(shard.name, shard.bytes, shard.sha256, self._stop)
        except (ProganError, Stopped):
            self._stop.set()

    def _take(self) -> Shard | None:
        with self._next:
            return next(self._shards, None)
