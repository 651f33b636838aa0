"""Whatever the code asks of MongoDB passes the circuit breaker, and fails with names in log and metrics."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import BulkWriteError, ConnectionFailure, DuplicateKeyError, PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from likes_api.app import MAINTENANCE, create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.circuit_breaker import FAILURES, CircuitBreaker
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.failures import facts
from likes_api.mongodb.instrumented import InstrumentedClient, connect_instrumented, instrumented
from likes_api.repository.votes.consistency.verify import Verifier
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.server.deployment import ensure_indexes
from likes_api.votes import Target, TargetKind
from tests.support.every_route import CALLS, populate, send
from tests.support.metrics import Exposition
from tests.support.moved import move
from tests.support.qa_votes import post
from tests.support.settings import settings

_watched: ContextVar[bool] = ContextVar("watched", default=False)


class Witness(CommandListener):
    """Note the commands that are sent, and those of them that no circuit breaker watches."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.unwatched: set[str] = set()

    def started(self, event: CommandStartedEvent) -> None:
        self.seen.add(event.command_name)
        if not _watched.get():
            self.unwatched.add(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    watch = CircuitBreaker.watch

    @contextmanager
    def noted(self: CircuitBreaker, **options: Any) -> Iterator[None]:
        with watch(self, **options):
            token = _watched.set(True)
            try:
                yield
            finally:
                _watched.reset(token)

    monkeypatch.setattr(CircuitBreaker, "watch", noted)
    return Witness()


def test_every_command_passes_the_circuit_breaker_when_the_whole_service_is_used(
    mongod: EmbeddedMongod, database: Database, witness: Witness
) -> None:
    token = populate(database)
    with connect_instrumented(mongod.uri, event_listeners=[witness]) as client:
        app = create_app(settings(DEMO="true", RATELIMIT_ENABLED="true"), client[database.name])
        for call in CALLS:
            assert send(app, call, token).status_code < 500
        ours = instrumented(client[database.name])
        ensure_indexes(ours)
        move(ours, Target(TargetKind.QUESTION, "q_123"))
        assert post(app, user="bob").status_code == 200
        maintenance = app.extensions[MAINTENANCE]
        maintenance.stop()
        compaction = Compaction(ours)
        for id_ in compaction.uncompacted():
            assert not compaction.is_crowded(id_, 64)
            moved = compaction.find(id_)
            assert moved is not None
            compaction.publish(id_, moved)
            compaction.compact(id_, moved)
        abort_abandoned_transactions(client)
        assert not [fault for faults in Verifier(ours).check() for fault in faults]
        assert len(list(ours["likes_posts"].find(batch_size=2))) > 2
    assert witness.seen > {"find", "getMore", "aggregate", "findAndModify", "createIndexes", "commitTransaction"}
    # The probes' own, and what the driver says in the end of its own accord.
    assert witness.unwatched <= {"hello", "endSessions"}


OPERATIONS: dict[str, Callable[[Database], object]] = {
    "find_one": lambda database: database["c"].find_one({"_id": 1}),
    "find": lambda database: list(database["c"].find()),
    "aggregate": lambda database: list(database["c"].aggregate([])),
    "count_documents": lambda database: database["c"].count_documents({}),
    "distinct": lambda database: database["c"].distinct("_id"),
    "insert_one": lambda database: database["c"].insert_one({}),
    "update_one": lambda database: database["c"].update_one({}, {"$set": {"a": 1}}),
    "create_index": lambda database: database["c"].create_index("a"),
    "rename": lambda database: database["c"].rename("d"),
    "list_collection_names": lambda database: database.list_collection_names(),
    "command": lambda database: database.command("ping"),
    "client.admin.command": lambda database: database.client.admin.command("ping"),
    "a plain database of the client": lambda database: database.client["other"]["c"].find_one(),
    "transaction": lambda database: _in_transaction(database),
}


def _in_transaction(database: Database) -> None:
    with database.client.start_session() as session, session.start_transaction():
        database["c"].insert_one({}, session=session)


@pytest.mark.parametrize("name", OPERATIONS)
def test_circuit_opens_when_any_operation_fails_to_reach_the_database(name: str) -> None:
    options = {"serverSelectionTimeoutMS": 10}
    with connect_instrumented("mongodb://127.0.0.1:1/?replicaSet=none", **options) as client:
        database = instrumented(client["likes"])
        for _ in range(FAILURES):
            assert not client.circuit.is_open
            with pytest.raises(ConnectionFailure):
                OPERATIONS[name](database)
        assert client.circuit.is_open


def test_circuit_counts_a_batch_of_a_cursor_when_it_cannot_be_read(mongod: EmbeddedMongod, database: Database) -> None:
    database["c"].insert_many([{} for _ in range(5)])
    with connect_instrumented(mongod.uri) as client:
        cursors = [client[database.name]["c"].find(batch_size=2) for _ in range(FAILURES)]
        for cursor in cursors:
            next(cursor)
        with break_off(client):
            for cursor in cursors:
                with pytest.raises(ConnectionFailure):
                    list(cursor)
        assert client.circuit.is_open


@contextmanager
def break_off(client: InstrumentedClient) -> Iterator[None]:
    """Let the client find no server meanwhile."""

    def nobody(*_: object, **__: object) -> None:
        raise ConnectionFailure("made up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_select_server", nobody)
        yield


# -- What is said of a failure

SECRET = "ada@example.com"


def failure_of(act: Callable[[], object]) -> PyMongoError:
    with pytest.raises(PyMongoError) as caught:
        act()
    return caught.value


def test_facts_are_the_servers_code_and_name_and_never_a_value(mongod: EmbeddedMongod, database: Database) -> None:
    database["c"].create_index("mail", unique=True)
    database["c"].insert_one({"mail": SECRET})
    wrong = mongod.uri.replace("mongodb://", "mongodb://nobody:wrong@", 1)
    with MongoClient[Document](wrong) as stranger:
        unauthorized = failure_of(lambda: stranger.admin.command("ping"))
    pipeline: list[Document] = [{"$match": {"$nonsense": SECRET}}]
    bad = failure_of(lambda: database["c"].aggregate(pipeline))
    duplicate = failure_of(lambda: database["c"].insert_one({"mail": SECRET}))
    several = failure_of(lambda: database["c"].insert_many([{"mail": SECRET}]))
    assert [facts(each) for each in (unauthorized, bad, duplicate, several)] == [
        {"failure": "OperationFailure", "code": 18, "code_name": "AuthenticationFailed"},
        {"failure": "OperationFailure", "code": 2, "code_name": "BadValue"},
        {"failure": DuplicateKeyError.__name__, "code": 11000},
        {"failure": BulkWriteError.__name__, "code": 11000},
    ]
    assert facts(ConnectionFailure(SECRET)) == {"failure": "ConnectionFailure"}


def test_log_and_metrics_name_a_wrong_password_when_a_request_fails_of_it(
    mongod: EmbeddedMongod, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = mongod.uri.replace("mongodb://", "mongodb://nobody:wrong@", 1)
    with connect_instrumented(wrong) as client, caplog.at_level(logging.WARNING):
        app = create_app(settings(), client["likes"])
        before = failures(app)
        assert post(app).status_code == 500
        assert failures(app) == before + 1
    (line,) = [vars(each) for each in caplog.records if each.getMessage() == "database operation failed"]
    assert (line["failure"], line["code"], line["code_name"]) == ("OperationFailure", 18, "AuthenticationFailed")
    assert "nobody" not in caplog.text


def failures(app: Any) -> float:
    exposition = Exposition(app.test_client().get("/metrics").get_data(as_text=True))
    return exposition.total("likes_database_failures_total", failure="AuthenticationFailed")
