"""The one place that every call to the database passes: it is traced, watched by the circuit, and its failure counted.

A thin layer over PyMongo's own classes, so that no call site has to think of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

import pymongo.database
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError

from likes_api import metrics
from likes_api.mongodb.circuit_breaker import CircuitBreaker
from likes_api.mongodb.client import deadline, ping
from likes_api.mongodb.collections import PrefixedDatabase, prefix_of
from likes_api.mongodb.documents import Collection, Database, Document

F = TypeVar("F", bound=Callable[..., Any])

PROBE_SECONDS = 1.0

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_session: ContextVar[ClientSession | None] = ContextVar("session", default=None)


def trace(request_id: str) -> None:
    """Attach an id to all commands of this thread from now on, as their ``comment``.

    MongoDB shows it in its log of slow queries, in ``currentOp`` and to the profiler. Source: MongoDB manual, database
    commands, field ``comment``.
    """
    _request_id.set(request_id)


@contextmanager
def taking_part(session: ClientSession) -> Iterator[None]:
    """Make all calls of the block part of a session, and so of its transaction.

    PyMongo's own ``ClientSession.bind`` does not do (4.20): it leaves the write concern on commands within a
    transaction, which the server refuses.
    """
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def is_taking_part() -> bool:
    """Tell whether calls are part of a session now, which no other thread may share."""
    return _session.get() is not None


def instrumented(database: Database) -> Database:
    """Put the layer on a database; a double that is none of PyMongo's stays as it is."""
    if not isinstance(database, pymongo.database.Database) or isinstance(database, _InstrumentedDatabase):
        return database
    return _InstrumentedDatabase(database.client, database.name, prefix_of(database))


def _instrument(method: F) -> F:
    @wraps(method)
    def call(self: "_InstrumentedCollection | _InstrumentedDatabase", *args: Any, **kwargs: Any) -> Any:
        if (request_id := _request_id.get()) is not None:
            kwargs.setdefault("comment", request_id)
        if (session := _session.get()) is not None:
            kwargs.setdefault("session", session)
        try:
            with self.circuit.watch():
                return method(self, *args, **kwargs)
        except PyMongoError as error:
            metrics.count_database_failure(_name(error))
            raise

    return cast(F, call)


class _InstrumentedCollection(Collection):
    """Guard the operations that are used here."""

    def __init__(self, database: "_InstrumentedDatabase", name: str, **options: Any) -> None:
        super().__init__(database, name, **options)
        self.circuit = database.circuit
        self._instrumented_database = database

    def with_options(self, *args: Any, **kwargs: Any) -> Collection:  # type: ignore[override]  # documents are of one kind
        """Give a clone with other options, which is guarded as well."""
        return self._instrumented_database.get_collection(
            self.name, **_options_of(super().with_options(*args, **kwargs))
        )

    aggregate = _instrument(Collection.aggregate)
    bulk_write = _instrument(Collection.bulk_write)
    delete_many = _instrument(Collection.delete_many)
    delete_one = _instrument(Collection.delete_one)
    find_one = _instrument(Collection.find_one)
    find_one_and_delete = _instrument(Collection.find_one_and_delete)
    find_one_and_update = _instrument(Collection.find_one_and_update)
    insert_many = _instrument(Collection.insert_many)
    insert_one = _instrument(Collection.insert_one)
    find = _instrument(Collection.find)  # traced and refused; it runs later, when it is read, so its failures go unseen
    update_many = _instrument(Collection.update_many)
    update_one = _instrument(Collection.update_one)


class _InstrumentedDatabase(PrefixedDatabase):
    def __init__(self, client: MongoClient[Document], name: str, prefix: str) -> None:
        super().__init__(client, name, prefix)
        self.circuit = CircuitBreaker(self._probe, metrics.circuit_is_open)
        # One for each name that the code knows; making one anew takes as long as a part of the vote itself.
        self._collections: dict[str, Collection] = {}

    command = _instrument(Database.command)

    def __getitem__(self, name: str) -> Collection:
        if (collection := self._collections.get(name)) is None:
            collection = self._collections[name] = _InstrumentedCollection(self, name)
        return collection

    def get_collection(self, name: str, *args: Any, **kwargs: Any) -> Collection:
        """Give a collection with options of its own, which is guarded as well."""
        return _InstrumentedCollection(self, name, **_options_of(super().get_collection(name, *args, **kwargs)))

    def _probe(self) -> None:
        with deadline(PROBE_SECONDS):
            ping(self)


def _options_of(collection: Collection) -> dict[str, Any]:
    return {
        "codec_options": collection.codec_options,
        "read_preference": collection.read_preference,
        "write_concern": collection.write_concern,
        "read_concern": collection.read_concern,
    }


def _name(error: PyMongoError) -> str:
    """Name a failure by the server's word for it, or the driver's class."""
    details = error.details if isinstance(error, OperationFailure) else None
    return str((details or {}).get("codeName") or type(error).__name__)
