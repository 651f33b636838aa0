"""Rate limits by Flask-Limiter: how many requests one user or address may make.

Counters live where all workers see them: a limit in process memory would multiply with the workers.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask_limiter import Limiter, RateLimitExceeded
from limits.storage import MongoDBStorage

from config.settings import Settings
from likes_api.http.errors import Refused


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


def _no_default_key() -> str:
    raise NotImplementedError("every limit names what it counts by")


def _storage_uri(settings: Settings) -> str:
    uri = settings.ratelimit_storage_uri
    if uri is None:
        uri = settings.mongodb_uri if settings.workers > 1 else None
    return f"quiet+{uri}" if uri and uri.startswith("mongodb") else uri or "memory://"
