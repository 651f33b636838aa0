"""Let threads that want the same answer at the same time have it read once."""

from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

from likes_api.mongodb import timeouts

V = TypeVar("V")


class _Round(Generic[V]):
    """Those who wait for the next read: whoever came first reads, the others get what that one got."""

    def __init__(self) -> None:
        self.begins, self.over = Event(), Event()
        self.values: list[V] = []


class SingleFlight(Generic[V]):
    """Share reads: each call gets a value whose read began after the call, so it sees what the caller wrote before.

    While one thread reads, those who come wait, and of them one reads for all. Nobody waits when nobody reads. Where
    the one fails, each of the others reads for itself, so nobody gets another's failure or deadline.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._reading: set[Hashable] = set()
        self._next: dict[Hashable, _Round[V]] = {}

    def read(self, key: Hashable, read: Callable[[], V]) -> V:
        """Read what ``key`` names, or share in the next one's read."""
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
        """Give up waiting, unless our turn has come this moment."""
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
