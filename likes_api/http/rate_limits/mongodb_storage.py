"""The counters of rate limits in MongoDB: for each, the moments of the requests that its window still covers.

A storage for the ``limits`` library, as its own ``MongoDBStorage`` is, but for two things. That one takes a round trip
per limit; this one takes from all limits of a request in one. And that one refuses the second of two requests that are
the first of their key at the same instant. Both were seen and measured: ``docs/decisions/0006``.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from limits.storage import MovingWindowSupport, Storage

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline, ping
from likes_api.mongodb.documents import Database, Document
from likes_api.repository import StoreError

_DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True)
class Window:
    """One limit for one key: so many requests within the last so many seconds."""

    key: str
    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a window is used: how many requests it covers, and when the first of them was (Unix time)."""

    count: int
    first: float


class RateWindows(Storage, MovingWindowSupport):
    """Keep moving windows in one collection of a database, and let MongoDB delete those that are over.

    Counters are no votes: a write is acknowledged by the primary alone and never retried.

    :param uri: what ``limits`` chose this class by; the connection is that of ``database``.

    Every method may raise :class:`likes_api.repository.StoreError`, after ``timeouts.LIMITER_SECONDS`` at the latest.
    """

    STORAGE_SCHEME = ["rate-windows"]  # noqa: RUF012 - so ``limits`` has it

    def __init__(self, uri: str, *, database: Database, wrap_exceptions: bool = False) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._database = database
        self._windows = collections.get(database, collections.RATE_LIMITS)
        self._indexed = False

    @property
    def base_exceptions(self) -> type[Exception]:
        """What ``limits`` is to take for a failure of the storage."""
        return StoreError

    def acquire_all(self, windows: Sequence[Window]) -> int | None:
        """Count a request in each window until one is full; tell the index of that one, if any.

        One round trip, whatever the number of windows; one more where one is full, or where another request made a
        window's document at the same instant. Either shows as an upsert that collides with the document that is
        there. Trying again tells one from the other: by then the document is there in any case, so a second collision
        at the same place means that the window is full.
        """
        with deadline(timeouts.LIMITER_SECONDS):
            self._ensure_index()
            before, collided = None, self._acquire_from(windows, 0)
            while collided is not None and collided != before:
                before, collided = collided, self._acquire_from(windows, collided)
            return collided

    def uses(self, windows: Iterable[Window]) -> list[Use]:
        """Tell how much of each window is used, in one round trip."""
        windows = list(windows)
        with deadline(timeouts.LIMITER_SECONDS):
            found = self._windows.find({"_id": {"$in": [window.key for window in windows]}})
            moments: dict[str, list[float]] = {document["_id"]: document["moments"] for document in found}
        now = time.time()
        uses = []
        for window in windows:
            covered = [moment for moment in moments.get(window.key, []) if moment >= now - window.seconds]
            uses.append(Use(len(covered), min(covered, default=now)))
        return uses

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count one request in one window; tell whether there was room."""
        if amount != 1:
            self._refuse()
        return self.acquire_all([Window(key, limit, expiry)]) is None

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Tell a window's first moment and how many requests it covers."""
        [use] = self.uses([Window(key, limit, expiry)])
        return use.first, use.count

    def check(self) -> bool:
        """Tell whether the database answers."""
        try:
            with deadline(timeouts.LIMITER_SECONDS):
                ping(self._database.client)
        except StoreError:
            return False
        return True

    def reset(self) -> int:
        """Forget all windows; tell how many there were."""
        return self._windows.delete_many({}).deleted_count

    def clear(self, key: str) -> None:
        """Forget one window."""
        self._windows.delete_one({"_id": key})

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def get(self, key: str) -> int:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def get_expiry(self, key: str) -> float:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotImplementedError("moving windows and single requests only")

    def _acquire_from(self, windows: Sequence[Window], start: int) -> int | None:
        """Count from the window at ``start`` on; tell the index at which an upsert collided.

        :raises likes_api.repository.StoreError: also where the server reports another fault of a single update.
        """
        now = datetime.now(UTC)
        answer = self._database.command(
            {
                "update": self._windows.name,
                "updates": [_update(window, now) for window in windows[start:]],
                "ordered": True,
                "writeConcern": {"w": 1},
            }
        )
        for fault in answer.get("writeErrors", []):
            if fault["code"] != _DUPLICATE_KEY:
                raise StoreError(fault["errmsg"])
            return start + int(fault["index"])
        return None

    def _ensure_index(self) -> None:
        """Have MongoDB delete what is over (a TTL index); once per process, in one round trip more."""
        if not self._indexed:
            collections.ensure_indexes(self._database, collections.RATE_LIMITS)
            self._indexed = True


def _update(window: Window, now: datetime) -> Document:
    """Drop the moments that are over and add this one, unless the window is full.

    A document never holds more moments than the window takes, oldest first. So it is full when it holds that many and
    the oldest is not over; then the filter matches nothing, and the upsert collides.
    """
    moment = now.timestamp()
    over = moment - window.seconds
    full = {f"moments.{window.amount - 1}": {"$exists": True}, "moments.0": {"$gte": over}}
    kept = {"$filter": {"input": {"$ifNull": ["$moments", []]}, "cond": {"$gte": ["$$this", over]}}}
    stage = {"moments": {"$concatArrays": [kept, [moment]]}, "expires": now + timedelta(seconds=window.seconds)}
    return {"q": {"_id": window.key, "$nor": [full]}, "u": [{"$set": stage}], "upsert": True}
