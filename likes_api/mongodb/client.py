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

from likes_api.mongodb import timeouts
from likes_api.mongodb.circuit_breaker import bypassed
from likes_api.mongodb.connection_string import with_our_options
from likes_api.mongodb.documents import Document

# What our answers rest on; connection_string.py has what of the URI is left out for it.
_OURS: dict[str, Any] = {"w": "majority", "journal": True, "retryWrites": True, "retryReads": True, "tz_aware": True}
# The URI wins over each of these, so an operator can change one without a setting of ours for it.
_DEFAULTS: dict[str, Any] = {
    "appname": "likes-api",
    "serverSelectionTimeoutMS": timeouts.SERVER_SELECTION_MILLISECONDS,
    "connectTimeoutMS": timeouts.CONNECT_MILLISECONDS,
    "socketTimeoutMS": timeouts.SOCKET_MILLISECONDS,
    "waitQueueTimeoutMS": timeouts.WAIT_QUEUE_MILLISECONDS,
    "maxIdleTimeMS": timeouts.MAX_IDLE_MILLISECONDS,
}

_end: ContextVar[float] = ContextVar("end", default=math.inf)


def connect(uri: str, **options: Any) -> MongoClient[Document]:
    """Make a client; it connects when first used.

    Call this in the process that uses it: a client must not cross a fork. A write is acknowledged once it is journaled
    on a majority of the replica set, and the driver retries it once, which the server applies once; reads are the
    primary's. The hosts of a ``mongodb+srv`` URI are looked up with the first use, and again until that succeeds.

    :raises pymongo.errors.InvalidURI: ``uri`` is malformed.

    Source: PyMongo documentation, ``MongoClient``; MongoDB manual, "Retryable Writes".
    """
    return MongoClient(**client_options(uri, options))


def client_options(uri: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a client: ours, those given, and defaults for what neither they nor the URI name."""
    given = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
    defaults = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    lazy = {"connect": False} if uri.startswith("mongodb+srv:") else {}
    return {"host": with_our_options(uri), **lazy, **defaults, **_OURS, **options}


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit the time of all database calls within the block together, including waits for a server and retries.

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
    """Return the seconds until the deadline; infinity where there is none."""
    return _end.get() - time.monotonic()


def ping(client: MongoClient[Document]) -> None:
    """Ping a server that takes writes, in one round trip, past the circuit breaker.

    :raises likes_api.repository.StoreError: there is none; ``NotPrimaryError`` where the only one that we may ask
        (``directConnection``) takes none at the moment.
    """
    with bypassed():
        if not client.admin.command("hello")["isWritablePrimary"]:
            raise NotPrimaryError("the server is no primary")
