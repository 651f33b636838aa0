"""The counters of rate limits in MongoDB: for each, the moments of the requests that its window still covers.

A storage for the ``limits`` library, as its own ``MongoDBStorage`` is, but for three things. That one takes a round
trip per limit; this one takes from all limits of a request in one. That one refuses the second of two requests that are
the first of their key at the same instant. And a request that it refuses has used up the limits before the full one.
All were seen and measured: ``docs/decisions/0006``.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from likes_api.http.rate_limits.windows import Window, WindowStorage
from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline, ping
from likes_api.mongodb.documents import Database, Document
from likes_api.repository import StoreError

_DUPLICATE_KEY = 11000


class MongoDBWindows(WindowStorage):
    """Keep moving windows in one collection of a database, and let MongoDB delete those that are over.

    Counters are no votes: a write is acknowledged by the primary alone and never retried.

    :param uri: what ``limits`` chose this class by; the connection is that of ``database``.

    Every method may raise :class:`likes_api.repository.StoreError`, after ``timeouts.LIMITER_SECONDS`` at the latest.
    """

    STORAGE_SCHEME = ["mongodb-windows"]  # noqa: RUF012 - so ``limits`` has it

    def __init__(self, uri: str, *, database: Database, wrap_exceptions: bool = False) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._database = database
        self._windows = collections.get(database, collections.RATE_LIMITS)
        self._indexed = False

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return the exceptions that ``limits`` treats as failures of the storage."""
        return StoreError

    def take(self, windows: Sequence[Window]) -> float | None:
        """Count a request in all windows or in none; see :meth:`WindowStorage.take`.

        One round trip, whatever the number of windows. An upsert that collides with the document that is there stops
        it: the window is full, or another request made its document at the same instant. What was taken is then given
        back, and a look at the windows tells one from the other; where none is full, try again. Between taking and
        giving back, the request takes up room in the windows before the full one: one round trip long.
        """
        with deadline(timeouts.LIMITER_SECONDS):
            self._ensure_index()
            while True:
                now = datetime.now(UTC)
                taken = self._take_in_order(windows, now)
                if taken == len(windows):
                    return None
                self._give_back(windows[:taken], now)
                waits = self._waits(windows)
                if waits:
                    return max(waits)

    def check(self) -> bool:
        """Whether the database answers."""
        try:
            with deadline(timeouts.LIMITER_SECONDS):
                ping(self._database.client)
        except StoreError:
            return False
        return True

    def _take_in_order(self, windows: Sequence[Window], now: datetime) -> int:
        """Count in one window after the other until an upsert collides; return in how many.

        :raises likes_api.repository.StoreError: also where the server reports another fault of a single update.
        """
        answer = self._update([_taking(window, now) for window in windows])
        for fault in answer.get("writeErrors", []):
            if fault["code"] != _DUPLICATE_KEY:
                raise StoreError(fault["errmsg"])
            return int(fault["index"])
        return len(windows)

    def _give_back(self, windows: Sequence[Window], now: datetime) -> None:
        if windows:
            given = {"$pull": {"moments": now.timestamp()}}
            self._update([{"q": {"_id": window.key}, "u": given} for window in windows])

    def _update(self, updates: Sequence[Document]) -> Document:
        command = {"update": self._windows.name, "updates": updates, "ordered": True, "writeConcern": {"w": 1}}
        return self._database.command(command)

    def _waits(self, windows: Sequence[Window]) -> list[float]:
        """Return in how many seconds each full window has room."""
        found = self._windows.find({"_id": {"$in": [window.key for window in windows]}})
        moments: dict[str, list[float]] = {document["_id"]: document["moments"] for document in found}
        now = time.time()
        waits = []
        for window in windows:
            covered = [moment for moment in moments.get(window.key, []) if moment >= now - window.seconds]
            if len(covered) >= window.amount:
                waits.append(min(covered) + window.seconds - now)
        return waits

    def _ensure_index(self) -> None:
        """Make the TTL index by which MongoDB deletes expired windows: once per process, in one round trip more."""
        if not self._indexed:
            collections.ensure_indexes(self._database, collections.RATE_LIMITS)
            self._indexed = True


def _taking(window: Window, now: datetime) -> Document:
    """Return the update that drops moments that are over and adds this one, unless the window is full.

    A document never holds more moments than the window takes, oldest first. So it is full when it holds that many and
    the oldest is not over; then the filter matches nothing, and the upsert collides.
    """
    moment = now.timestamp()
    over = moment - window.seconds
    full = {f"moments.{window.amount - 1}": {"$exists": True}, "moments.0": {"$gte": over}}
    kept = {"$filter": {"input": {"$ifNull": ["$moments", []]}, "cond": {"$gte": ["$$this", over]}}}
    stage = {"moments": {"$concatArrays": [kept, [moment]]}, "expires": now + timedelta(seconds=window.seconds)}
    return {"q": {"_id": window.key, "$nor": [full]}, "u": [{"$set": stage}], "upsert": True}
