"""The connection to MongoDB, and the deadline that every request puts on it."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pymongo
from pymongo import MongoClient
from pymongo.errors import NotPrimaryError

from likes_api.mongodb.circuit_breaker import bypassed
from likes_api.mongodb.documents import Document

# The URI wins over each of these, so an operator can change one without a setting of ours for it.
_DEFAULTS: dict[str, Any] = {
    "appname": "likes-api",
    "w": "majority",
    "retryWrites": True,
    "serverSelectionTimeoutMS": 2_000,
    "connectTimeoutMS": 1_000,
    "socketTimeoutMS": 3_000,
    "waitQueueTimeoutMS": 1_000,
    "maxIdleTimeMS": 300_000,
}

_end: ContextVar[float] = ContextVar("end", default=math.inf)


def connect(uri: str, **options: Any) -> MongoClient[Document]:
    """Make a client; it connects when first used.

    Call this in the process that uses it: a client must not cross a fork. A write is acknowledged once it is journaled
    on a majority of the replica set (``w=majority`` implies the journal by the server's default), and the driver
    retries it once, which the server applies once.

    :raises pymongo.errors.InvalidURI: ``uri`` is malformed.

    Source: PyMongo documentation, ``MongoClient``; MongoDB manual, "Retryable Writes".
    """
    return MongoClient(uri, **client_options(uri, options))


def client_options(uri: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a client: those given, and defaults for what neither they nor the URI name."""
    given = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
    defaults = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    return {"tz_aware": True, **defaults, **options}


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give all database calls within the block this long together, waiting for a server and retries included.

    Within another deadline the earlier one counts. Source: PyMongo documentation, ``pymongo.timeout`` (client-side
    operations timeout).
    """
    token = _end.set(min(_end.get(), time.monotonic() + seconds))
    try:
        with pymongo.timeout(seconds):
            yield
    finally:
        _end.reset(token)


def seconds_left() -> float:
    """Tell how long the deadline leaves; infinity where there is none."""
    return _end.get() - time.monotonic()


def ping(client: MongoClient[Document]) -> None:
    """Ask for a server that takes writes, in one round trip, past the circuit breaker.

    :raises likes_api.repository.StoreError: there is none; ``NotPrimaryError`` where the only one that we may ask
        (``directConnection``) takes none at the moment.
    """
    with bypassed():
        if not client.admin.command("hello")["isWritablePrimary"]:
            raise NotPrimaryError("the server is no primary")
