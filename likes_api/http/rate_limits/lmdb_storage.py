"""The counters of rate limits in LMDB, shared by all processes of one machine.

A value is the time at which it expires and, oldest first, the times of the requests that its window counts: packed
64-bit floats of the monotonic clock, which is one for all processes. There are write transactions only: LMDB lets one
in at a time, and a reader that was killed would keep pages from being used again.

Source: http://www.lmdb.tech/doc/ ("Caveats") and the manual of py-lmdb. Figures: ``docs/decisions/0006``.
"""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from struct import Struct
from tempfile import TemporaryDirectory
from threading import Lock

import lmdb

from likes_api.http.rate_limits.windows import Window, WindowStorage

MAP_BYTES = 32 * 1024 * 1024
# New keys are taken until so much of the map is used. LMDB never writes a page in place, so that deleting takes room.
_FULL = 3 / 4
# A new key is where so many keys are looked at, itself included, and deleted where they have expired. Keys begin with
# a hash, so all get their turn, and expired keys are never many more than the others.
_KEYS_PER_NEW_KEY = 3
_KEYS_PER_SWEEP = 500
_TIME = Struct("d")


class LmdbWindows(WindowStorage):
    """Keep moving windows in an LMDB environment.

    :param uri: what ``limits`` chose this class by.
    :param directory: where the environment is, for all processes that are given the same; without one, counters of
        this process alone. It is opened by the first request: an environment must not cross a fork.

    A process that is killed within a transaction leaves its lock to the next one (a robust mutex), and the map as it
    was before. There is no input or output and no lock of Python's within a transaction, so greenlets do not switch
    there.
    """

    STORAGE_SCHEME = ["lmdb-windows"]  # noqa: RUF012 - so ``limits`` has it

    def __init__(
        self, uri: str, *, directory: Path | None, map_bytes: int = MAP_BYTES, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._directory = directory
        self._map_bytes = map_bytes
        self._environment: lmdb.Environment | None = None
        # One thread of a process at a time: threads that wait for LMDB's own lock hold up the other processes.
        self._lock = Lock()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that ``limits`` treats as failures of the storage."""
        return lmdb.Error, OSError

    def take(self, windows: Sequence[Window]) -> float | None:
        """Count a request in all windows or in none; see :meth:`WindowStorage.take`.

        :raises lmdb.Error: among others, the map is full of keys that have not expired.
        """
        with self._lock:
            environment = self._opened()
            try:
                return self._take(environment, windows)
            except lmdb.MapFullError:
                self._sweep(environment)
                return self._take(environment, windows)

    def check(self) -> bool:
        """Whether a transaction can begin."""
        try:
            with self._lock, self._opened().begin(write=True):
                return True
        except self.base_exceptions:
            return False

    def _opened(self) -> lmdb.Environment:
        if self._environment is None:
            if self._directory is not None:
                self._environment = self._open(self._directory)
            else:
                # Its files are open; their names are not needed any more.
                with TemporaryDirectory(prefix="likes-api-limits-") as directory:
                    self._environment = self._open(Path(directory))
        return self._environment

    def _open(self, directory: Path) -> lmdb.Environment:
        # No "writemap": where the file system is full, that is SIGBUS instead of an error. Nothing need reach a disk.
        return lmdb.open(
            str(directory), map_size=self._map_bytes, sync=False, metasync=False, mode=0o600, readahead=False
        )

    def _take(self, environment: lmdb.Environment, windows: Sequence[Window]) -> float | None:
        with environment.begin(write=True) as transaction:
            now = time.monotonic()
            kept = [transaction.get(window.key.encode()) for window in windows]
            waits = [_wait(value, window, now) for value, window in zip(kept, windows, strict=True)]
            if any(wait is not None for wait in waits):
                return max(wait for wait in waits if wait is not None)
            if None in kept and _used_bytes(transaction) > self._map_bytes * _FULL:
                raise lmdb.MapFullError("no room for new keys")
            for value, window in zip(kept, windows, strict=True):
                transaction.put(window.key.encode(), _counted(value, window, now))
                if value is None:
                    _sweep_from(transaction, window.key.encode(), _KEYS_PER_NEW_KEY, now)
        return None

    def _sweep(self, environment: lmdb.Environment) -> None:
        """Delete all expired keys, in short transactions, between which others run and pages are freed."""
        key: bytes | None = b"\0"
        while key is not None:
            with environment.begin(write=True) as transaction:
                key = _sweep_from(transaction, key, _KEYS_PER_SWEEP, time.monotonic())


def _wait(value: bytes | None, window: Window, now: float) -> float | None:
    """Return in how many seconds a window has room, if it has none now.

    It has none if the request that came ``amount`` requests ago is within it.
    """
    start = len(value or b"") - window.amount * _TIME.size
    if value is None or start < _TIME.size:
        return None
    wait: float = _TIME.unpack_from(value, start)[0] + window.seconds - now
    return wait if wait >= 0 else None


def _counted(value: bytes | None, window: Window, now: float) -> bytes:
    """Return the value with a request more, without those that no longer matter."""
    times = b""
    if value is not None and not _expired(value, now):
        times = value[max(_TIME.size, len(value) - (window.amount - 1) * _TIME.size) :]
    return _TIME.pack(now + window.seconds) + times + _TIME.pack(now)


def _expired(value: bytes, now: float) -> bool:
    expires: float = _TIME.unpack_from(value)[0]
    return expires < now


def _used_bytes(transaction: "lmdb.Transaction[bytes]") -> int:
    stat = transaction.stat()
    return stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"])


def _sweep_from(transaction: "lmdb.Transaction[bytes]", key: bytes, count: int, now: float) -> bytes | None:
    """Delete the expired ones of so many keys, from the given one on; return the next key, if any."""
    cursor = transaction.cursor()
    seen = list(islice(cursor, count + 1)) if cursor.set_range(key) else []
    for each, value in seen[:count]:
        if _expired(value, now):
            transaction.delete(each)
    return seen[count][0] if len(seen) > count else None
