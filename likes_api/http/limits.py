"""Rate limits by Flask-Limiter: how many requests one user or address may make.

Counters live where all workers see them: a limit in process memory would multiply with the workers.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response
from flask_limiter import Limiter, RateLimitExceeded
from limits import RateLimitItem, WindowStats
from limits.storage import MongoDBStorage
from limits.strategies import RateLimiter

from config.settings import Settings
from likes_api import metrics
from likes_api.http.errors import Refused
from likes_api.repository.client import deadline

log = logging.getLogger(__name__)

# How long the counters' storage may take for one count, and how long it is left alone after it failed.
STORAGE_SECONDS = 0.25
RESPITE_SECONDS = 1.0


class QuietMongoDBStorage(MongoDBStorage):
    """The storage of limits, but for its end.

    limits closes the client (or even makes one, to close it) in ``__del__``. At the interpreter's end that prints a
    traceback, or never comes back: one worker in five hung in SIGTERM until it was killed. The server notices by itself
    that a client has gone.
    """

    STORAGE_SCHEME = ["quiet+mongodb", "quiet+mongodb+srv"]  # noqa: RUF012 - limits declares it so

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return super()._init_mongo_client((uri or "").removeprefix("quiet+"), **options)

    def __del__(self) -> None:
        """Close nothing."""


def create_limiter(settings: Settings, *, database_away: Callable[[], bool] = lambda: False) -> Limiter:
    """Make the limiter that the contracts hang their limits on; it has none of its own.

    When the counters' storage is away, requests go on: a limit protects the service, it must not stop it.

    :param database_away: tells when the votes' database is known to be away; where the counters live in it too, nobody
        asks for them then.
    """
    uri = _storage_uri(settings)
    limiter = _Limiter(
        key_func=_no_default_key,
        storage_uri=uri,
        storage_options=_REDIS_OPTIONS if uri.startswith(("redis", "valkey")) else {},
        swallow_errors=True,
        enabled=settings.ratelimit_enabled,
    )
    if settings.mongodb_uri is not None and uri.endswith(settings.mongodb_uri):
        limiter.request_filter(database_away)
    return limiter


def register(app: Flask, limiter: Limiter, answer: Callable[[Refused], Response]) -> None:
    """Attach ``limiter`` to ``app`` and turn a breach into 429 with ``Retry-After`` in whole seconds."""
    limiter.init_app(app)

    @app.errorhandler(RateLimitExceeded)
    def breached(_: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        wait = max(1, math.ceil(limit.reset_at - time.time())) if limit else 1
        return answer(Refused(429, "Too many requests", {"Retry-After": str(wait)}))


class _Limiter(Limiter):
    _patient: "_Patient | None" = None

    @property
    def limiter(self) -> RateLimiter:
        if self._patient is None:
            self._patient = _Patient(super().limiter)
        return cast(RateLimiter, self._patient)


class _Patient:
    """Count by another strategy, but with little patience: where its storage fails, the request passes uncounted."""

    def __init__(self, strategy: RateLimiter) -> None:
        self._strategy = strategy
        self._away_until = 0.0

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count a request, and tell whether it may pass."""
        if time.monotonic() < self._away_until:
            metrics.count_limiter_failure()
            return True
        try:
            with deadline(STORAGE_SECONDS):
                return self._strategy.hit(item, *identifiers, cost=cost)
        except Exception as error:
            self._away_until = time.monotonic() + RESPITE_SECONDS
            metrics.count_limiter_failure()
            log.warning("rate limits are not counted", extra={"failure": type(error).__name__})
            return True

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Tell when a limit that was reached ends; the caller copes with failure."""
        with deadline(STORAGE_SECONDS):
            return self._strategy.get_window_stats(item, *identifiers)


def health_of(limiter: Limiter) -> Callable[[float], bool]:
    """Tell a readiness probe whether the counters' storage answers within so many seconds."""

    def answers(seconds: float) -> bool:
        with deadline(seconds):
            return not limiter.enabled or bool(limiter.storage.check())

    return answers


# Typed as strings and integers by Flask-Limiter; redis-py wants seconds, fractions included.
_REDIS_OPTIONS: dict[str, Any] = {
    "socket_timeout": STORAGE_SECONDS,
    "socket_connect_timeout": STORAGE_SECONDS,
}


def _no_default_key() -> str:
    raise NotImplementedError("every limit names what it counts by")


def _storage_uri(settings: Settings) -> str:
    uri = settings.ratelimit_storage_uri
    if uri is None:
        uri = settings.mongodb_uri if settings.workers > 1 else None
    return f"quiet+{uri}" if uri and uri.startswith("mongodb") else uri or "memory://"
