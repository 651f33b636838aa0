"""A gunicorn for the tests of the clients, and a proxy before it that loses answers."""

from collections.abc import Iterator

import pytest
from likes_client import ServiceToken
from pymongo import MongoClient

from harness.documents import all_faults
from harness.faulty_proxy import FaultyProxy, faulty_proxy
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support import host
from tests.support.admin import administrator
from tests.support.clients import Call, Caller, Node, async_call, sync_call
from tests.support.settings import NEXTAUTH_SECRET

DATABASE = "test_clients"


@pytest.fixture(scope="package")
def served(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[tuple[str, Database]]:
    database = client[DATABASE]
    host.populate(database)
    settings = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": DATABASE,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "LIKES_VOTERS": "everyone",
    }
    with running_server(settings) as url:
        yield url, database
    assert all_faults(database) == []
    client.drop_database(DATABASE)


@pytest.fixture(scope="package")
def url(served: tuple[str, Database]) -> str:
    return served[0]


@pytest.fixture(scope="package")
def stored(served: tuple[str, Database]) -> Database:
    return served[1]


@pytest.fixture(scope="package")
def proxy(url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(url) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()


@pytest.fixture(scope="package", params=["sync", "async", "node"])
def call(request: pytest.FixtureRequest) -> Call:
    """A client of each kind."""
    calls: dict[str, Call] = {"sync": sync_call, "async": async_call}
    made: Call = calls.get(request.param) or request.getfixturevalue("node")
    return made


@pytest.fixture(scope="package")
def service(stored: Database) -> ServiceToken:
    """A token with every scope."""
    return ServiceToken(administrator(None, stored, "votes:read", "votes:write", "admin").token)  # type: ignore[arg-type]


@pytest.fixture(scope="package")
def likes(call: Call, url: str, service: ServiceToken) -> Caller:
    return Caller(call, url, service)
