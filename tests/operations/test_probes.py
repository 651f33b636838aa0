"""``/healthz`` and ``/readyz``: what they say of a database that is well, dead, frozen, or without a primary."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient

from harness.processes import halted
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.instrumented import connect_instrumented
from tests.support.clock import eventually, stopwatch
from tests.support.commands import CountedCommands
from tests.support.settings import settings


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    with EmbeddedMongod(find_mongod(None), tmp_path_factory.mktemp("mortal")) as mongod:
        yield mongod


def readiness(app: Flask) -> tuple[int, Any]:
    with stopwatch() as watch:
        response = app.test_client().get("/readyz")
        assert watch.seconds < timeouts.READY_SECONDS
    return response.status_code, response.get_json()


def not_ready(reason: str) -> tuple[int, Any]:
    return 503, {"status": "unavailable", "not_ready": {"mongodb": reason}}


def test_ready_when_the_database_takes_writes(app: Flask) -> None:
    assert readiness(app) == (200, {"status": "ok"})


def test_unreachable_when_no_server_is_there() -> None:
    with connect_instrumented("mongodb://127.0.0.1:1/") as client:
        app = create_app(settings(), client["away"])
        assert readiness(app) == not_ready("unreachable")


def test_unreachable_when_the_server_was_killed_and_slow_when_it_is_frozen(mortal: EmbeddedMongod) -> None:
    with connect_instrumented(mortal.uri) as client:
        app = create_app(settings(), client["likes"])
        assert readiness(app)[0] == 200
        assert mortal.pid is not None
        with halted(mortal.pid):
            assert readiness(app) == not_ready("slow")
        os.kill(mortal.pid, signal.SIGKILL)
        assert readiness(app) == not_ready("unreachable")
        assert readiness(app) == not_ready("unreachable")
        mortal.restart()
        assert readiness(app) == (200, {"status": "ok"})


def test_no_primary_when_the_server_stepped_down(mortal: EmbeddedMongod) -> None:
    with connect_instrumented(mortal.uri) as client:
        app = create_app(settings(), client["likes"])
        assert readiness(app)[0] == 200
        with MongoClient[Document](mortal.uri) as other:
            other.admin.command("replSetStepDown", 3, force=True)
        assert readiness(app) == not_ready("no primary")
        eventually(lambda: readiness(app)[0] == 200)


def test_ready_but_degraded_when_only_the_limiters_store_is_away(database: Database) -> None:
    away = replace(settings(RATELIMIT_ENABLED="true"), ratelimit_storage_uri="mongodb://127.0.0.1:1/")
    app = create_app(away, database)
    (counters,) = app.extensions["limiter"]
    with contextlib.closing(counters.storage._database.client):
        assert readiness(app) == (200, {"status": "ok", "degraded": {"limiter": "unreachable"}})


def test_health_asks_nobody_and_readiness_asks_once(mongod: EmbeddedMongod, database: Database) -> None:
    counted = CountedCommands()
    with connect_instrumented(mongod.uri, event_listeners=[counted]) as client:
        app = create_app(settings(), client[database.name])
        with counted.during() as names:
            assert app.test_client().get("/healthz").get_json() == {"status": "ok"}
        assert names == []
        with counted.during() as names:
            assert readiness(app)[0] == 200
        assert names == ["hello"]


def test_healthy_when_the_database_is_away() -> None:
    with connect_instrumented("mongodb://127.0.0.1:1/") as client:
        response = create_app(settings(), client["away"]).test_client().get("/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})
