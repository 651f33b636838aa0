"""Moving windows for Flask-Limiter that let requests through while the counters' storage is unavailable.

A limit protects the service, so it must not stop it: votes go on uncounted, and the log and a metric say so.
"""

import logging
import time
from collections.abc import Sequence
from typing import cast

from limits.storage import StorageTypes
from limits.strategies import STRATEGIES, MovingWindowRateLimiter

from likes_api import metrics
from likes_api.http.rate_limits.windows import Window, WindowStorage
from likes_api.mongodb import timeouts
from likes_api.mongodb.failures import facts

STRATEGY = "fail-open-moving-window"

log = logging.getLogger(__name__)


class FailOpenMovingWindow(MovingWindowRateLimiter):
    """Moving windows that let requests through while their storage is unavailable, and do not ask it for a while."""

    def __init__(self, storage: StorageTypes) -> None:
        super().__init__(storage)
        self._windows = cast(WindowStorage, storage)
        self._asleep_until = 0.0

    def take(self, windows: Sequence[Window]) -> float | None:
        """Count a request in all windows or in none: :meth:`WindowStorage.take`, but ``None`` where it fails."""
        if time.monotonic() >= self._asleep_until:
            try:
                return self._windows.take(windows)
            except self.storage.base_exceptions as error:
                self._asleep_until = time.monotonic() + timeouts.LIMITER_PAUSE_SECONDS
                log.warning("rate limits are off, their storage fails", extra=facts(error))
        metrics.count_limiter_failure()
        return None


STRATEGIES[STRATEGY] = FailOpenMovingWindow
