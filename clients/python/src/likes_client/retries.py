"""When a request is sent again, and after how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from likes_client.calls import Call
from likes_client.errors import ApiError, LikesError


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential back-off with jitter, after what passes by itself.

    A request that may have been applied is sent again only where that changes nothing: it sets a state, it reads, or it
    carries an ``Idempotency-Key``.

    :param times: how often a request is sent again at most; 0: never.
    :param first_seconds: the wait before the first time; each further one is twice as long.
    :param longest_seconds: a wait is never longer; where ``Retry-After`` asks for more, the error is raised at once.
    :param jitter: returns a number from 0 to 1: clients that failed together do not come back together.
    """

    times: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    jitter: Callable[[], float] = random.random

    def wait(self, error: LikesError, call: Call[object], sent: int) -> float | None:
        """Return for how many seconds to wait before the request is sent again, ``None`` where it is not.

        :param sent: how often it has been sent.
        """
        passing = error.passing or (isinstance(error, ApiError) and error.status in call.passing)
        if not passing or sent > self.times or (error.maybe_applied and not call.repeatable):
            return None
        asked = error.retry_after or 0.0
        if asked > self.longest_seconds:
            return None
        # 2.0 ** 60 is far above any longest wait, and 2.0 ** 1100 is an overflow.
        backoff = self.first_seconds * 2.0 ** min(sent - 1, 60)
        return min(self.longest_seconds, asked + backoff * (0.5 + self.jitter() / 2))
