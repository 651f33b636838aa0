"""While the database is away requests fail at once, and go on soon after it is back."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from harness.processes import halted
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.circuit_breaker import FAILURES, CircuitBreaker, DatabaseUnavailable
from likes_api.mongodb.documents import Document
from likes_api.mongodb.instrumented import connect_instrumented
from tests.support.clock import WAIT_SECONDS, eventually
from tests.support.commands import CountedCommands
from tests.support.qa_votes import post
from tests.support.settings import settings


class Life:
    """A database that is asked for a sign of life, and how often it was."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.closed = threading.Event()
        self.asked = 0
        self.threads: set[threading.Thread] = set()
        self.changes: list[bool] = []
        self.failure: Exception = ServerSelectionTimeoutError()

    def probe(self) -> None:
        self.asked += 1
        self.threads.add(threading.current_thread())
        if not self.back.wait(0.01):
            raise self.failure

    def announce(self, is_open: bool) -> None:
        self.changes.append(is_open)
        if not is_open:
            self.closed.set()


@pytest.fixture
def life() -> Iterator[Life]:
    life = Life()
    yield life
    life.back.set()


@pytest.fixture
def circuit(life: Life) -> CircuitBreaker:
    return CircuitBreaker(life.probe, life.announce)


def fail(circuit: CircuitBreaker, error: PyMongoError) -> None:
    with pytest.raises(type(error)), circuit.watch():
        raise error


@pytest.mark.parametrize(
    "error", [AutoReconnect(), NetworkTimeout(), ServerSelectionTimeoutError(), ConnectionFailure()]
)
def test_circuit_opens_when_calls_in_a_row_did_not_reach_the_database(
    circuit: CircuitBreaker, life: Life, error: PyMongoError
) -> None:
    for _ in range(FAILURES - 1):
        fail(circuit, error)
    assert not circuit.is_open
    fail(circuit, error)
    assert circuit.is_open
    with pytest.raises(DatabaseUnavailable), circuit.watch():
        pytest.fail("the database was asked")
    assert life.changes == [True]


def test_circuit_stays_closed_when_an_answer_came_in_between(circuit: CircuitBreaker) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            fail(circuit, AutoReconnect())
        with circuit.watch():
            pass
        for _ in range(FAILURES - 1):
            fail(circuit, AutoReconnect())
        fail(circuit, OperationFailure("refused: that is an answer"))
    assert not circuit.is_open


@pytest.mark.parametrize(
    "error", [OperationFailure("no"), WaitQueueTimeoutError(), ExecutionTimeout("no time"), PyMongoError()]
)
def test_circuit_stays_closed_when_failures_do_not_say_that_the_database_is_away(
    circuit: CircuitBreaker, error: PyMongoError
) -> None:
    for _ in range(3 * FAILURES):
        fail(circuit, error)
    assert not circuit.is_open


def test_circuit_closes_when_the_database_gives_a_sign_of_life_and_one_thread_alone_asks_for_it(
    circuit: CircuitBreaker, life: Life
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fail_once(circuit), range(100)))
    life.back.set()
    assert life.closed.wait(WAIT_SECONDS)
    with circuit.watch():
        pass
    assert life.changes == [True, False]
    (thread,) = life.threads
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def open_(circuit: CircuitBreaker) -> None:
    for _ in range(FAILURES):
        fail(circuit, AutoReconnect())
    assert circuit.is_open


def test_circuit_closes_in_the_end_when_the_probe_failed_with_whatever_exception(
    circuit: CircuitBreaker, life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    life.failure = ValueError("no failure that a driver has")
    open_(circuit)
    while life.asked < 3:
        pass
    assert circuit.is_open
    life.back.set()
    assert life.closed.wait(WAIT_SECONDS)
    assert not circuit.is_open
    (said,) = caplog.records
    assert (said.levelname, vars(said)["failure"]) == ("WARNING", "ValueError")
    assert "driver" not in caplog.text


def test_circuit_stays_closed_when_no_thread_can_be_started_and_opens_with_the_next_failure(
    circuit: CircuitBreaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        for _ in range(2 * FAILURES):
            fail(circuit, AutoReconnect())
        assert not circuit.is_open
    fail(circuit, AutoReconnect())
    assert circuit.is_open


def cannot_start(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_circuit_stays_closed_when_calls_of_before_its_closing_fail_after_it(
    circuit: CircuitBreaker, life: Life
) -> None:
    """They have waited for the database while it was away; they say nothing of its return."""
    waiting = [circuit.watch() for _ in range(FAILURES)]
    for call in waiting:
        call.__enter__()
    open_(circuit)
    life.back.set()
    assert life.closed.wait(WAIT_SECONDS)
    for call in waiting:
        assert not call.__exit__(AutoReconnect, AutoReconnect(), None)
    assert not circuit.is_open


def test_circuit_is_open_until_a_preparation_succeeds(circuit: CircuitBreaker, life: Life) -> None:
    prepared = threading.Event()

    def prepare() -> None:
        if not prepared.is_set():
            raise ServerSelectionTimeoutError

    circuit.open_until(prepare)
    with pytest.raises(DatabaseUnavailable), circuit.watch():
        pytest.fail("the database was asked")
    prepared.set()
    assert life.closed.wait(WAIT_SECONDS)
    assert (life.changes, life.asked) == ([True, False], 0)


def fail_once(circuit: CircuitBreaker) -> None:
    with pytest.raises(PyMongoError), circuit.watch():
        raise AutoReconnect


# -- With a real server


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    with EmbeddedMongod(find_mongod(None), tmp_path_factory.mktemp("mortal")) as mongod:
        with MongoClient[Document](mongod.uri) as client:
            client["likes"]["questions"].insert_one({"_id": "q_123"})
        yield mongod


@pytest.mark.parametrize("limiter", ["false", "true"])
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_requests_ask_nobody_while_the_database_is_away_and_succeed_after_readiness(
    mortal: EmbeddedMongod, how: str, limiter: str
) -> None:
    """With the limiter on as well, whose counters are in shared memory."""
    counted = CountedCommands()
    with connect_instrumented(mortal.uri, event_listeners=[counted]) as client:
        app = create_app(settings(RATELIMIT_ENABLED=limiter, LIMIT_QA_VOTE="1000/hour"), client["likes"])
        assert post(app).status_code == 200
        assert mortal.pid is not None
        with halted(mortal.pid) if how == "frozen" else killed(mortal):
            with ThreadPoolExecutor(8) as pool:
                assert all(pool.map(lambda _: fails(app), range(8)))
            with counted.during(everybodys=True) as names:
                assert all(fails(app) for _ in range(20))
            assert set(names) <= {"hello"}  # the probe's
        eventually(lambda: app.test_client().get("/readyz").status_code == 200)
        assert [post(app).status_code for _ in range(8)] == [200] * 8


def test_worker_is_not_ready_when_the_database_answers_but_its_circuit_is_open(mongod: EmbeddedMongod) -> None:
    """The next vote of this worker would be refused."""
    with connect_instrumented(mongod.uri) as client:
        app = create_app(settings(), client["likes"])
        circuit, recovered = client.circuit, threading.Event()

        def prepare() -> None:
            if not recovered.wait(0.01):
                raise ServerSelectionTimeoutError

        circuit.open_until(prepare)
        response = app.test_client().get("/readyz")
        assert (response.status_code, response.get_json()["not_ready"]) == (503, {"mongodb": "circuit open"})
        assert fails(app)
        recovered.set()
        eventually(lambda: app.test_client().get("/readyz").status_code == 200)
        assert post(app).status_code == 404  # no such question: it was asked for


@contextmanager
def killed(mongod: EmbeddedMongod) -> Iterator[None]:
    """Kill a mongod, and start it again in the end."""
    assert mongod.pid is not None
    os.kill(mongod.pid, signal.SIGKILL)
    try:
        yield
    finally:
        mongod.restart()


def fails(app: Flask) -> bool:
    response = post(app)
    return (response.status_code, response.get_json()) == (500, {"error": "Like failed"})
