"""The client of a serving process: the circuit breaker watches each call, its failure is counted, and it is traced.

A thin layer over PyMongo's own classes, so that no call site has to think of it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

import pymongo.database
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from likes_api import metrics
from likes_api.mongodb import timeouts
from likes_api.mongodb.circuit_breaker import CircuitBreaker, is_bypassed
from likes_api.mongodb.client import client_options, deadline, ping
from likes_api.mongodb.collections import PrefixedDatabase, prefix_of
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.mongodb.failures import name_of
from likes_api.mongodb.monitoring import CommandMetrics, PoolMetrics

F = TypeVar("F", bound=Callable[..., Any])

_ENDS_OF_TRANSACTIONS = frozenset({"commitTransaction", "abortTransaction"})

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class InstrumentedClient(MongoClient[Document]):
    """A client whose calls pass a circuit breaker, and whose failures, commands and waits for connections are counted.

    Everything that goes to the server does so through the one method that PyMongo retries in: reads and writes, each
    batch of a cursor, commands, the ends of transactions. It is no part of PyMongo's public interface, so the version
    is pinned, and ``tests/operations/test_instrumented.py`` fails where a command does not pass it. The public one has
    no such place: monitoring sees no call that finds no server, and a lazy ``find`` succeeds whatever becomes of it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.circuit = CircuitBreaker(self._probe, metrics.circuit_is_open)

    def close(self) -> None:
        """Close the connections, and stop the circuit breaker's probe."""
        self.circuit.stop()
        super().close()

    def _retry_internal(self, func: Any, session: Any, bulk: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        if is_bypassed():
            return super()._retry_internal(func, session, bulk, operation, *args, **kwargs)
        try:
            # The end of a transaction is asked for, or it would hold its documents until the server ends it.
            with self.circuit.watch(refuses=operation not in _ENDS_OF_TRANSACTIONS):
                return super()._retry_internal(func, session, bulk, operation, *args, **kwargs)
        except PyMongoError as error:
            metrics.count_database_failure(name_of(error))
            raise

    def _probe(self) -> None:
        with deadline(timeouts.PROBE_SECONDS):
            ping(self)


def connect_instrumented(uri: str, **options: Any) -> InstrumentedClient:
    """Make a client as :func:`likes_api.mongodb.client.connect` does, that a process serves with."""
    listeners = [CommandMetrics(), PoolMetrics(), *options.get("event_listeners", ())]
    return InstrumentedClient(**client_options(uri, options | {"event_listeners": listeners}))


def circuit_of(database: Database) -> CircuitBreaker | None:
    """Return the circuit breaker of a database's client, if it has one."""
    return database.client.circuit if isinstance(database.client, InstrumentedClient) else None


def trace(request_id: str) -> None:
    """Attach an id to all commands of this thread from now on, as their ``comment``.

    MongoDB shows it in its log of slow queries, in ``currentOp`` and to the profiler. Source: MongoDB manual, database
    commands, field ``comment``.
    """
    _request_id.set(request_id)


def current_request_id() -> str | None:
    """Return the id that this thread's commands carry now."""
    return _request_id.get()


def instrumented(database: Database) -> Database:
    """Return a database whose calls are traced; a double that is none of PyMongo's stays as it is."""
    if not isinstance(database, pymongo.database.Database) or isinstance(database, _InstrumentedDatabase):
        return database
    return _InstrumentedDatabase(database.client, database.name, prefix_of(database))


def _instrument(method: F) -> F:
    @wraps(method)
    def call(self: "_InstrumentedCollection | _InstrumentedDatabase", *args: Any, **kwargs: Any) -> Any:
        if (request_id := _request_id.get()) is not None:
            kwargs.setdefault("comment", request_id)
        return method(self, *args, **kwargs)

    return cast(F, call)


class _InstrumentedCollection(Collection):
    """Trace the operations that are used here."""

    def __init__(self, database: "_InstrumentedDatabase", name: str, **options: Any) -> None:
        super().__init__(database, name, **options)
        self._instrumented_database = database

    def with_options(self, *args: Any, **kwargs: Any) -> Collection:  # type: ignore[override]  # documents are of one kind
        """Return a clone with other options, which is traced as well."""
        return self._instrumented_database.get_collection(
            self.name, **_options_of(super().with_options(*args, **kwargs))
        )

    aggregate = _instrument(Collection.aggregate)
    bulk_write = _instrument(Collection.bulk_write)
    count_documents = _instrument(Collection.count_documents)
    delete_many = _instrument(Collection.delete_many)
    delete_one = _instrument(Collection.delete_one)
    find_one = _instrument(Collection.find_one)
    find_one_and_delete = _instrument(Collection.find_one_and_delete)
    find_one_and_update = _instrument(Collection.find_one_and_update)
    insert_many = _instrument(Collection.insert_many)
    insert_one = _instrument(Collection.insert_one)
    find = _instrument(Collection.find)
    update_many = _instrument(Collection.update_many)
    update_one = _instrument(Collection.update_one)


class _InstrumentedDatabase(PrefixedDatabase):
    def __init__(self, client: MongoClient[Document], name: str, prefix: str) -> None:
        super().__init__(client, name, prefix)
        # One for each name that the code knows; making one anew takes as long as a part of the vote itself.
        self._collections: dict[str, Collection] = {}

    command = _instrument(Database.command)

    def __getitem__(self, name: str) -> Collection:
        if (collection := self._collections.get(name)) is None:
            collection = self._collections[name] = _InstrumentedCollection(self, name)
        return collection

    def get_collection(self, name: str, *args: Any, **kwargs: Any) -> Collection:
        """Return a collection with options of its own, which is traced as well."""
        return _InstrumentedCollection(self, name, **_options_of(super().get_collection(name, *args, **kwargs)))


def _options_of(collection: Collection) -> dict[str, Any]:
    return {
        "codec_options": collection.codec_options,
        "read_preference": collection.read_preference,
        "write_concern": collection.write_concern,
        "read_concern": collection.read_concern,
    }
