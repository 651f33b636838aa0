"""Rate limits by Flask-Limiter: how many requests one user or address may make.

Moving windows: a limit of 60 a minute takes the 61st request within any minute as the first too many, and there is a
moment at which the oldest request leaves the window, so ``Retry-After`` can be true. A fixed window would let 120
through around its end. What they count by is hashed before it goes to any storage: ``docs/decisions/0006``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, g
from flask_limiter import Limiter, RateLimitExceeded
from limits import RateLimitItem, parse_many

from config.settings import Settings
from likes_api.http.errors import Refused
from likes_api.http.rate_limits.fail_open import STRATEGY, FailOpenMovingWindow
from likes_api.http.rate_limits.mongodb_storage import Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect, deadline
from likes_api.mongodb.collections import with_prefix
from likes_api.mongodb.documents import Database

__all__ = ["RateLimits", "Rule", "create"]

P = ParamSpec("P")
R = TypeVar("R")

TOO_MANY = "Too many requests"
_SEPARATE_DATABASE = "likes_limits"


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit: ``amount`` in Flask-Limiter's notation, counted by what ``key`` says of the current request."""

    name: str
    amount: str
    key: Callable[[], str]


class RateLimits:
    """The limits that contracts hang on their functions.

    :param limiter: has no limits of its own.
    :param digest: hashes keys, so that the counters' storage holds neither addresses nor users' ids.
    """

    def __init__(self, limiter: Limiter, digest: Callable[[str], str]) -> None:
        self._limiter = limiter
        self._digest = digest

    def counted(self, *rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function that is called in a request: it runs unless one of the rules is breached.

        Flask-Limiter judges rule after rule; what it judges by is taken from all windows in one go before.
        """
        keyed = [Rule(rule.name, rule.amount, self._hashed(rule.key)) for rule in rules]
        # The order in which Flask-Limiter asks. It leaves the windows after the first full one alone, and so do we.
        items = sorted(((item, rule) for rule in keyed for item in parse_many(rule.amount)), key=lambda each: each[0])

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            if not self._limiter.enabled:
                return function
            limited = function
            for rule in keyed:
                limited = self._limiter.shared_limit(rule.amount, scope=rule.name, key_func=rule.key)(limited)

            @wraps(function)
            def run(*args: P.args, **kwargs: P.kwargs) -> R:
                g.rate_windows = [_window(item, rule.key(), rule.name) for item, rule in items]
                g.rate_taken = _strategy(self._limiter).take(g.rate_windows)
                return limited(*args, **kwargs)

            return run

        return decorate

    def register(self, app: Flask, answer: Callable[[Refused], Response]) -> None:
        """Attach the limiter to ``app`` and turn a breach into 429 with ``Retry-After`` in whole seconds."""
        self._limiter.init_app(app)

        @app.errorhandler(RateLimitExceeded)
        def breached(_: RateLimitExceeded) -> Response:
            wait = _strategy(self._limiter).wait(g.rate_windows)
            return answer(Refused(429, TOO_MANY, {"Retry-After": str(wait)}))

    def answer_within(self, seconds: float) -> bool:
        """Tell a readiness probe whether the counters' storage answers; another than MongoDB has its own patience."""
        with deadline(seconds):
            return not self._limiter.enabled or self._limiter.storage.check()

    def _hashed(self, key: Callable[[], str]) -> Callable[[], str]:
        return lambda: self._digest(key())


def create(settings: Settings, database: Database, digest: Callable[[str], str]) -> RateLimits:
    """Make the limits' machinery; call it in the process that serves, for a connection must not cross a fork.

    :param database: where the counters are unless ``LIKES_RATELIMIT_STORAGE_URI`` or a single worker says otherwise.
    """
    uri, options = _storage(settings, database)
    limiter = Limiter(
        key_func=_no_default_key,
        storage_uri=uri,
        storage_options=options,
        strategy=STRATEGY,
        enabled=settings.ratelimit_enabled,
    )
    return RateLimits(limiter, digest)


def _storage(settings: Settings, database: Database) -> tuple[str, dict[str, Any]]:
    uri = settings.ratelimit_storage_uri or ("memory://" if settings.workers == 1 else None)
    if uri is None:
        return "rate-windows:", {"database": database}
    if urlsplit(uri).scheme.startswith("mongodb"):
        client = connect(uri, serverSelectionTimeoutMS=timeouts.LIMITER_SELECTION_MILLISECONDS)
        separate = client.get_default_database(_SEPARATE_DATABASE)
        return "rate-windows:", {"database": with_prefix(separate, settings.collection_prefix)}
    if uri.startswith("memory:"):
        return uri, {}
    return uri, {"socket_connect_timeout": timeouts.LIMITER_SECONDS, "socket_timeout": timeouts.LIMITER_SECONDS}


def _no_default_key() -> str:
    raise NotImplementedError("every limit names what it counts by")


def _window(item: RateLimitItem, key: str, name: str) -> Window:
    return Window(item.key_for(key, name), item.amount, item.get_expiry())


def _strategy(limiter: Limiter) -> FailOpenMovingWindow:
    return cast(FailOpenMovingWindow, limiter.limiter)
