"""Rate limits by Flask-Limiter: how many requests one user or address may make.

Moving windows: a limit of 60 a minute takes the 61st request within any minute as the first too many, and there is a
moment at which the oldest request leaves the window, so ``Retry-After`` can be true. A fixed window would let 120
through around its end. Their keys are hashed before they go to any storage: ``docs/decisions/0006``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem

from config.settings import Settings
from likes_api.http.errors import Refused
from likes_api.http.rate_limits import lmdb_storage, mongodb_storage, redis_storage  # noqa: F401 - ``limits`` finds them by scheme
from likes_api.http.rate_limits.fail_open import STRATEGY, FailOpenMovingWindow
from likes_api.http.rate_limits.windows import Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect, deadline
from likes_api.mongodb.collections import with_prefix
from likes_api.server import limits_directory

__all__ = ["RateLimits", "Rule", "create"]

TOO_MANY = "Too many requests"
_SEPARATE_DATABASE = "likes_limits"


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit that was declared: rules of one name and amount share their counters, wherever they are checked."""

    name: str
    items: tuple[RateLimitItem, ...]


class RateLimits:
    """The limits of the application: routes declare them once and check them in each request.

    Flask-Limiter reads the notation and holds storage and strategy. It would decide limit by limit, by keys that it
    takes from the request's surroundings; here one call of the strategy decides about all of them, by keys that it is
    given.

    :param limiter: has no limits of its own.
    :param digest: hashes keys, so that the counters' storage holds neither addresses nor users' ids.
    """

    def __init__(self, limiter: Limiter, digest: Callable[[str], str]) -> None:
        self._limiter = limiter
        self._digest = digest

    def declare(self, name: str, amount: str) -> Rule:
        """Declare a limit.

        :param amount: in Flask-Limiter's notation, such as ``60/minute`` or ``1/second;60/minute``.
        """
        return Rule(name, tuple(declared.limit for declared in self._limiter.shared_limit(amount, name)))

    def check(self, *counted: tuple[Rule, str]) -> None:
        """Count this request by each rule and its key, or by none of them.

        :raises Refused: 429 with ``Retry-After``, one of the rules is breached; nothing was counted.
        """
        if not self._limiter.enabled:
            return
        wait = cast(FailOpenMovingWindow, self._limiter.limiter).take(
            [
                Window(item.key_for(hashed, rule.name), item.amount, item.get_expiry())
                for rule, hashed in ((rule, self._digest(key)) for rule, key in counted)
                for item in rule.items
            ]
        )
        if wait is not None:
            raise Refused(429, TOO_MANY, {"Retry-After": str(max(1, math.ceil(wait)))})

    def register(self, app: Flask) -> None:
        """Make the limiter that of ``app``."""
        # Known there already, it leaves out its hooks: they look for limits before and after every request, find none
        # and take more time than an empty view does.
        app.extensions["limiter"] = {self._limiter}
        self._limiter.init_app(app)

    def answer_within(self, seconds: float) -> bool:
        """Whether the counters' storage answers a readiness probe; Redis has its own timeouts."""
        with deadline(seconds):
            return not self._limiter.enabled or self._limiter.storage.check()


def create(settings: Settings, digest: Callable[[str], str]) -> RateLimits:
    """Make the limits; call it in the process that serves, for a connection must not cross a fork."""
    uri, options = _storage(settings)
    limiter = Limiter(
        key_func=_no_default_key,
        storage_uri=uri,
        storage_options=options,
        strategy=STRATEGY,
        enabled=settings.ratelimit_enabled,
    )
    return RateLimits(limiter, digest)


def _storage(settings: Settings) -> tuple[str, dict[str, Any]]:
    uri = settings.ratelimit_storage_uri
    if uri is None:
        return "lmdb-windows:", {"directory": limits_directory.current()}
    if urlsplit(uri).scheme.startswith("mongodb"):
        client = connect(uri, serverSelectionTimeoutMS=timeouts.LIMITER_SELECTION_MILLISECONDS)
        separate = client.get_default_database(_SEPARATE_DATABASE)
        return "mongodb-windows:", {"database": with_prefix(separate, settings.collection_prefix)}
    return uri, {"socket_connect_timeout": timeouts.LIMITER_SECONDS, "socket_timeout": timeouts.LIMITER_SECONDS}


def _no_default_key() -> str:
    raise NotImplementedError("every limit is given what it counts by")
