"""A real MongoDB for the run, a database of its own for each test, and the application on it."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import mongomock
import pytest
from flask import Flask
from pymongo import MongoClient

from harness.documents import emptied_afterwards, named_database
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.identity.remote_keys import RemoteKeys
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.maintenance.duty import Duty
from tests.support import mongomock_gaps
from tests.support.commands import CountedCommands
from tests.support.settings import settings

pytest_plugins = ["tests.support.interface_plugin"]
mongomock_gaps.install()
# A machine that is shared stalls for longer than the 200 ms that hypothesis gives an example, and draws slowly.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture(scope="module", autouse=True)
def threads_end() -> Iterator[None]:
    """The threads that the tests of a module have started end with it, or do nothing more.

    They would count in the metrics of the next, and write into its log.
    """
    made: dict[type, list[Any]] = {Duty: [], RemoteKeys: []}
    with pytest.MonkeyPatch.context() as patch:
        for kind, noted in made.items():
            patch.setattr(kind, "__init__", _noting(kind.__init__, noted))
        yield
    for duty in made[Duty]:
        duty.stop()
    for keys in made[RemoteKeys]:
        keys._refresh = lambda: None


def _noting(native: Callable[..., None], noted: list[Any]) -> Callable[..., None]:
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        native(self, *arguments, **named)
        noted.append(self)

    return init


@pytest.fixture(scope="module")
def patient() -> Iterator[None]:
    """Let requests in this process wait longer for the database: a shared machine stalls for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeouts, "REQUEST_DATABASE_SECONDS", 10.0)
        yield


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    with EmbeddedMongod(find_mongod(None), tmp_path_factory.mktemp("mongod")) as server:
        yield server


@pytest.fixture(scope="session")
def client(mongod: EmbeddedMongod) -> Iterator[MongoClient[Document]]:
    with connect(mongod.uri) as client:
        yield client


@pytest.fixture(scope="module")
def module_database(client: MongoClient[Document]) -> Iterator[Database]:
    """A database on the real server, for the tests of one module: dropping it takes the server 0.1 s."""
    with named_database(client) as database:
        yield database


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    """An empty database on the real server."""
    with emptied_afterwards(module_database):
        yield module_database


@pytest.fixture(scope="module")
def counted() -> CountedCommands:
    """The commands that ``watched`` sends."""
    return CountedCommands()


@pytest.fixture(scope="module")
def watched(mongod: EmbeddedMongod, counted: CountedCommands) -> Iterator[MongoClient[Document]]:
    """A client whose commands are counted; it has said hello before."""
    with connect(mongod.uri, event_listeners=[counted]) as client:
        client.admin.command("ping")
        yield client


@pytest.fixture
def mock_database() -> Database:
    """A fresh database of mongomock, for unit tests."""
    return mongomock.MongoClient().likes


@pytest.fixture
def app(database: Database) -> Flask:
    return create_app(settings(), database)
