"""Every route is answered in its contract's form and in time, and stops asking, while the database fails.

The routes come from the application's URL map: a new one is tested here by construction.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from harness.processes import halted
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb import timeouts
from likes_api.mongodb.circuit_breaker import FAILURES, CircuitBreaker
from likes_api.mongodb.client import connect
from likes_api.mongodb.instrumented import circuit_of, connect_instrumented
from tests.support.clock import stopwatch
from tests.support.commands import CountedCommands
from tests.support.every_route import CALLS, Call, close_limiter, populate, send
from tests.support.settings import settings

AWAY = "mongodb://127.0.0.1:1/?replicaSet=none"
UNKNOWN_TOKEN = "0" * 64


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class World:
    """A database that works, one that does not, and what each route answers and sends while it works."""

    mongod: EmbeddedMongod
    token: str
    healthy: dict[Call, Answer]
    commands: dict[Call, int]

    def needs(self, call: Call) -> bool:
        return self.commands[call] > 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with EmbeddedMongod(find_mongod(None), tmp_path_factory.mktemp("mortal")) as mongod:
        with connect(mongod.uri) as client:
            token = populate(client["likes"])
        healthy, commands = {}, {}
        counted = CountedCommands()
        with application(mongod.uri, listeners=[counted]) as (app, _):
            for call in CALLS:
                with counted.during() as names:
                    healthy[call] = asked(app, call, token)
                commands[call] = len(names)
        yield World(mongod, token, healthy, commands)


@contextlib.contextmanager
def application(uri: str, listeners: Any = (), **environment: str) -> Iterator[tuple[Flask, CircuitBreaker]]:
    with connect_instrumented(uri, event_listeners=listeners) as client:
        app = create_app(settings(DEMO="true", **environment), client["likes"])
        circuit = circuit_of(client["likes"])
        assert circuit is not None
        try:
            yield app, circuit
        finally:
            close_limiter(app)


def asked(app: Flask, call: Call, token: str) -> Answer:
    with stopwatch() as watch:
        response = send(app, call, token)
        return Answer(response.status_code, response.get_json(silent=True), watch.seconds)


def away(_: World) -> tuple[str, AbstractContextManager[None]]:
    """Nobody listens."""
    return AWAY, contextlib.nullcontext()


def frozen(world: World) -> tuple[str, AbstractContextManager[None]]:
    """Connections stay open, and nobody answers."""
    assert world.mongod.pid is not None
    return world.mongod.uri, halted(world.mongod.pid)


def refusing(world: World) -> tuple[str, AbstractContextManager[None]]:
    """The server answers every command with an error."""
    return world.mongod.uri.replace("mongodb://", "mongodb://nobody:wrong@", 1), contextlib.nullcontext()


WAYS = [away, frozen, refusing]
Way = Callable[[World], tuple[str, AbstractContextManager[None]]]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def failing(request: pytest.FixtureRequest, world: World) -> dict[Call, Answer]:
    """What each route answers while the database fails: all of them at once, each to an application of its own."""
    uri, failure = request.param(world)
    with contextlib.ExitStack() as stack:
        # With limits, whose counters are in a database that fails as well.
        limits = {"RATELIMIT_ENABLED": "true", "RATELIMIT_STORAGE_URI": uri}
        apps = {call: stack.enter_context(application(uri, **limits))[0] for call in CALLS}
        if uri == world.mongod.uri:
            for app in apps.values():
                assert app.test_client().get("/readyz").status_code == 200
        with failure, ThreadPoolExecutor(len(CALLS)) as pool:
            return dict(zip(CALLS, pool.map(lambda call: asked(apps[call], call, world.token), CALLS), strict=True))


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_route_is_answered_in_time_and_in_form_when_the_database_fails(
    world: World, failing: dict[Call, Answer], call: Call
) -> None:
    answer = failing[call]
    assert answer.seconds < timeouts.ANSWER_SECONDS
    if not world.needs(call):
        assert answer.status == world.healthy[call].status
    elif call.rule == "/readyz":
        assert (answer.status, answer.body["status"]) == (503, "unavailable")
    else:
        assert answer.status in {500, 503}
        assert answer.body in (
            {"error": "Like failed"},
            {"error": "Service unavailable"},
            {"code": 503, "message": "Service unavailable"},
        )


@pytest.mark.parametrize("way", [away, frozen], ids=lambda way: way.__name__)
def test_circuit_opens_by_each_route_alone_when_the_database_fails(
    world: World, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, failure = way(world)
    calls = [call for call in CALLS if world.needs(call) and call.rule != "/readyz"]
    assert len(calls) > len({call.blueprint for call in calls})
    with contextlib.ExitStack() as stack:
        counted = {call: CountedCommands() for call in calls}
        apps = {call: stack.enter_context(application(uri, [counted[call]])) for call in calls}
        if way is frozen:
            for app, _ in apps.values():
                assert app.test_client().get("/readyz").status_code == 200
        monkeypatch.setattr(timeouts, "REQUEST_DATABASE_SECONDS", 0.2)

        def opens(call: Call) -> bool:
            app, circuit = apps[call]
            # A slow machine spends some requests' time before they come to the database.
            for _ in range(20 * FAILURES):
                assert send(app, call, world.token).status_code in {500, 503}
                if circuit.is_open:
                    break
            else:
                return False
            with counted[call].during(everybodys=True) as names:
                assert send(app, call, world.token).status_code in {500, 503}
            return set(names) <= {"hello"}  # the probe's

        with failure, ThreadPoolExecutor(len(calls)) as pool:
            opened = dict(zip(calls, pool.map(opens, calls), strict=True))
    assert [str(call) for call in calls if not opened[call]] == []


def test_every_contract_has_routes_that_need_the_database(world: World) -> None:
    """Or the tests above prove nothing."""
    assert {call.blueprint for call in CALLS if world.needs(call)} == {
        "ops",
        "demo",
        "qa_votes",
        "simple_likes",
        "diaspora",
        "host",
        "admin",
    }
