"""Moving windows for Flask-Limiter that let requests through while the counters' storage is away.

A limit protects the service, so it must not stop it: votes go on, the log and a metric say that nobody counts.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from flask import g
from limits import RateLimitItem
from limits.storage import MovingWindowSupport, StorageTypes
from limits.strategies import STRATEGIES, MovingWindowRateLimiter

from likes_api import metrics
from likes_api.http.rate_limits.mongodb_storage import RateWindows, Use, Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.failures import facts

R = TypeVar("R")

STRATEGY = "fail-open-moving-window"

log = logging.getLogger(__name__)


class FailOpenMovingWindow(MovingWindowRateLimiter):
    """Moving windows that let requests through while their storage is away, and leave it alone for a while then."""

    def __init__(self, storage: StorageTypes) -> None:
        super().__init__(storage)
        self._asleep_until = 0.0

    def take(self, windows: Sequence[Window]) -> dict[str, bool]:
        """Count a request in each window until one is full; tell for each key that was asked whether it had room.

        One round trip to MongoDB (:meth:`RateWindows.acquire_all`), one per window to another storage.
        """
        full = self._asked(lambda: self._acquire_all(windows), None)
        taken = {window.key: True for window in windows[:full]}
        return taken if full is None else taken | {windows[full].key: False}

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Tell Flask-Limiter what :meth:`take` found."""
        taken: dict[str, bool] = g.rate_taken
        return taken[item.key_for(*identifiers)]

    def wait(self, windows: Sequence[Window]) -> int:
        """Tell in how many seconds each of the windows has room, rounded up."""
        uses: Sequence[Use] = self._asked(lambda: self._uses(windows), ())
        ends = (
            use.first + window.seconds for window, use in zip(windows, uses, strict=False) if use.count >= window.amount
        )
        return max(1, math.ceil(max(ends, default=0) - time.time()))

    def _acquire_all(self, windows: Sequence[Window]) -> int | None:
        if isinstance(self.storage, RateWindows):
            return self.storage.acquire_all(windows)
        acquired = (self._moving.acquire_entry(window.key, window.amount, window.seconds) for window in windows)
        return next((index for index, room in enumerate(acquired) if not room), None)

    def _uses(self, windows: Sequence[Window]) -> Sequence[Use]:
        if isinstance(self.storage, RateWindows):
            return self.storage.uses(windows)
        found = [self._moving.get_moving_window(window.key, window.amount, window.seconds) for window in windows]
        return [Use(count, first) for first, count in found]

    @property
    def _moving(self) -> MovingWindowSupport:
        return cast(MovingWindowSupport, self.storage)

    def _asked(self, question: Callable[[], R], otherwise: R) -> R:
        """Ask the storage, unless it failed a moment ago."""
        if time.monotonic() >= self._asleep_until:
            try:
                return question()
            except self.storage.base_exceptions as error:
                self._asleep_until = time.monotonic() + timeouts.LIMITER_PAUSE_SECONDS
                log.warning("rate limits are off, their storage fails", extra=facts(error))
        metrics.count_limiter_failure()
        return otherwise


STRATEGIES[STRATEGY] = FailOpenMovingWindow
