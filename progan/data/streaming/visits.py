"""Walking along a lane: the shard of the present visit in memory, the next one being read."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from progan.data.streaming.lanes import Lane, Span
from progan.types import DataError

Samples = list[bytes]  # of a whole shard, encoded, in its order
ReadShard = Callable[[Span, threading.Event], Samples]  # ends early once the event is set


class Walk:
    """The samples of a lane, at most two shards of it in memory. One caller at a time."""

    def __init__(self, lane: Lane, read: ReadShard, on_problem: Callable[[DataError], None], endless: bool) -> None:
        """endless: whether the lane goes on after its first epoch.

        on_problem is told, at most once a visit and in the caller's thread, of a shard that cannot be read; what it
        raises ends the walk. If it returns, samples of the lane's next readable shard stand in.
        """
        self._lane = lane
        self._read = read
        self._on_problem = on_problem
        self._endless = endless
        self._visit = -1
        self._told = -1  # the last visit of which on_problem was told
        self._held: dict[int, _Reading] = {}  # by shard number

    def begin(self, place: int) -> None:
        """Start reading what `take(place)` will need."""
        visit, _ = self._lane.locate(place)
        if visit != self._visit:
            self._visit = visit
            self._keep(visit, visit + 1)
        self._reading(visit)

    def take(self, place: int) -> tuple[bytes, int]:
        """Sample number `place` of the lane, encoded, and its number in the set.

        DataError if no shard of the lane can be read.
        """
        self.begin(place)
        visit, inside = self._lane.locate(place)
        span, samples = self._readable(visit)
        number = int(self._lane.order(visit)[inside]) % span.count  # of a shard that stands in, there may be fewer
        return samples[number], span.first + number

    def stop(self) -> None:
        """End what is being read; from any thread. Who waits for it meets Stopped."""
        for reading in list(self._held.values()):
            reading.stop.set()

    def close(self) -> None:
        """Let go of everything; reading in the background ends at the next chunk."""
        self._visit = -1
        self._keep()

    def _readable(self, visit: int) -> tuple[Span, Samples]:
        """The shard of a visit, or the first that can be read of those after it."""
        members = self._lane.visits_per_epoch
        for candidate in range(visit, visit + 2 * members):  # any two epochs have every shard
            span = self._lane.span(candidate)
            samples = self._reading(candidate).result()
            if isinstance(samples, DataError):
                problem = samples
                if self._told != visit:
                    self._on_problem(problem)
                    self._told = visit
                continue
            if candidate == visit and (self._endless or visit + 1 < members):
                self._reading(visit + 1)
            return span, samples
        raise problem.with_traceback(None)  # it may be raised for each sample

    def _reading(self, visit: int) -> "_Reading":
        span = self._lane.span(visit)
        if span.shard not in self._held:
            self._held[span.shard] = _Reading(self._read, span)
        return self._held[span.shard]

    def _keep(self, *visits: int) -> None:
        kept = {self._lane.span(visit).shard for visit in visits}
        for shard in self._held.keys() - kept:
            self._held.pop(shard).stop.set()


class _Reading:
    """A shard that a thread of its own is reading.

    A daemon, so that a program that ends does not wait for a shard it no longer needs.
    """

    def __init__(self, read: ReadShard, span: Span) -> None:
        self.stop = threading.Event()
        self._outcome: Future[Samples] = Future()
        threading.Thread(target=self._run, args=(read, span), daemon=True).start()

    def result(self) -> Samples | DataError:
        """What is wrong with the shard is given and not raised: each raising would lengthen its traceback."""
        error = self._outcome.exception()
        return error if isinstance(error, DataError) else self._outcome.result()

    def _run(self, read: ReadShard, span: Span) -> None:
        try:
            self._outcome.set_result(read(span, self.stop))
        except DataError as error:
            self._outcome.set_exception(error.with_traceback(None))  # which would keep what was read so far
        except BaseException as error:
            self._outcome.set_exception(error)
        finally:
            del self  # an error refers to this frame: the two would keep each other, and a shard, in memory
