"""Share one read among threads that need the same value at the same time."""

from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

from likes_api.mongodb import timeouts

V = TypeVar("V")


class _Round(Generic[V]):
    """The threads that wait for the next read: the first of them reads, the others get the same value."""

    def __init__(self) -> None:
        self.begins, self.over = Event(), Event()
        self.values: list[V] = []


class SingleFlight(Generic[V]):
    """Share reads: each call returns a value whose read began after the call, so it includes the caller's own writes.

    While one thread reads, those who come wait, and of them one reads for all. Nobody waits when nobody reads. Where
    the one fails, each of the others reads for itself, so nobody gets another's failure or deadline.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._reading: set[Hashable] = set()
        self._next: dict[Hashable, _Round[V]] = {}

    def read(self, key: Hashable, read: Callable[[], V]) -> V:
        """Return the value of ``key``, by a read of this thread or a shared one."""
        with self._lock:
            joined = self._next.get(key)
            mine: _Round[V] = _Round()
            if joined is None and key in self._reading:
                self._next[key] = mine
            elif joined is None:
                self._reading.add(key)
                mine.begins.set()
        if joined is not None:
            joined.over.wait(2 * timeouts.SHARED_READ_SECONDS)
            return joined.values[0] if joined.values else read()
        if not mine.begins.wait(timeouts.SHARED_READ_SECONDS) and self._withdraw(key, mine):
            return read()
        try:
            value = read()
            mine.values.append(value)
            return value
        finally:
            mine.over.set()
            self._hand_over(key)

    def _withdraw(self, key: Hashable, mine: _Round[V]) -> bool:
        """Stop waiting, unless this thread's turn has come this moment."""
        with self._lock:
            if self._next.get(key) is not mine:
                return False
            del self._next[key]
        mine.over.set()
        return True

    def _hand_over(self, key: Hashable) -> None:
        with self._lock:
            following = self._next.pop(key, None)
            if following is None:
                self._reading.discard(key)
            else:
                following.begins.set()
