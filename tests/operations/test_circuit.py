"""While the database is away requests fail at once, and go on soon after it is back."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
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
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Document
from tests.support.qa_votes import post
from tests.support.settings import settings

FAST = 0.05


class Life:
    """A database that is asked for a sign of life, and how often it was."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked = 0
        self.changes: list[bool] = []

    def probe(self) -> None:
        self.asked += 1
        if not self.back.wait(0.01):
            raise ServerSelectionTimeoutError


@pytest.fixture
def life() -> Iterator[Life]:
    life = Life()
    yield life
    life.back.set()


@pytest.fixture
def circuit(life: Life) -> CircuitBreaker:
    return CircuitBreaker(life.probe, life.changes.append)


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


@pytest.mark.parametrize("error", [OperationFailure("no"), WaitQueueTimeoutError(), PyMongoError()])
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
    assert [each.name for each in threading.enumerate()].count("database-probe") == 1
    life.back.set()
    end = time.monotonic() + 2
    while circuit.is_open:
        assert time.monotonic() < end
        time.sleep(0.01)
    with circuit.watch():
        pass
    assert life.changes == [True, False]
    asked = life.asked
    time.sleep(0.3)
    assert life.asked == asked


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
def test_requests_fail_fast_while_the_database_is_away_and_recover_within_two_seconds(
    mortal: EmbeddedMongod, how: str, limiter: str
) -> None:
    """With the limiter on, its counters live in the same database, as they do by default."""
    with connect(mortal.uri) as client:
        app = create_app(settings(RATELIMIT_ENABLED=limiter, LIMIT_QA_VOTE="1000/hour"), client["likes"])
        assert_fails_fast_and_recovers(app, mortal, how)


def assert_fails_fast_and_recovers(app: Flask, mortal: EmbeddedMongod, how: str) -> None:
    assert mortal.pid is not None
    assert post(app).status_code == 200
    with halted(mortal.pid) if how == "frozen" else killed(mortal):
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: failure_seconds(app) < 3.2, range(8)))
        for _ in range(20):
            assert failure_seconds(app) < FAST
    began = time.monotonic()
    while post(app).status_code != 200:
        assert time.monotonic() - began < 2
        time.sleep(0.02)


@contextmanager
def killed(mongod: EmbeddedMongod) -> Iterator[None]:
    """Kill a mongod, and start it again in the end."""
    assert mongod.pid is not None
    os.kill(mongod.pid, signal.SIGKILL)
    try:
        yield
    finally:
        mongod.restart()


def failure_seconds(app: Flask) -> float:
    began = time.monotonic()
    response = post(app)
    assert (response.status_code, response.get_json()) == (500, {"error": "Like failed"})
    return time.monotonic() - began
