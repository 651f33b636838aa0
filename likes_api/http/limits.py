"""Rate limits by Flask-Limiter: how many requests one user or address may make.

Counters live where all workers see them: a limit in process memory would multiply with the workers.
"""

import math
import time
from collections.abc import Callable

from flask import Flask, Response
from flask_limiter import Limiter, RateLimitExceeded

from config.settings import Settings
from likes_api.http.errors import Refused
from likes_api.repository.client import deadline


def create_limiter(settings: Settings) -> Limiter:
    """Make the limiter that the contracts hang their limits on; it has none of its own.

    When the counters' storage is away, requests go on: a limit protects the service, it must not stop it.
    """
    return Limiter(
        key_func=_no_default_key,
        storage_uri=_storage_uri(settings),
        swallow_errors=True,
        enabled=settings.ratelimit_enabled,
    )


def register(app: Flask, limiter: Limiter, answer: Callable[[Refused], Response]) -> None:
    """Attach ``limiter`` to ``app`` and turn a breach into 429 with ``Retry-After`` in whole seconds."""
    limiter.init_app(app)

    @app.errorhandler(RateLimitExceeded)
    def breached(_: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        wait = max(1, math.ceil(limit.reset_at - time.time())) if limit else 1
        return answer(Refused(429, "Too many requests", {"Retry-After": str(wait)}))


def health_of(limiter: Limiter) -> Callable[[float], bool]:
    """Tell a readiness probe whether the counters' storage answers within so many seconds."""

    def answers(seconds: float) -> bool:
        with deadline(seconds):
            return not limiter.enabled or bool(limiter.storage.check())

    return answers


def _no_default_key() -> str:
    raise NotImplementedError("every limit names what it counts by")


def _storage_uri(settings: Settings) -> str:
    if settings.ratelimit_storage_uri:
        return settings.ratelimit_storage_uri
    if settings.workers == 1 or settings.mongodb_uri is None:
        return "memory://"
    return settings.mongodb_uri
