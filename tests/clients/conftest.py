"""A gunicorn for the tests of the clients, and a proxy before it that loses answers."""

from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from harness.documents import all_faults
from harness.faulty_proxy import FaultyProxy, faulty_proxy
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support import host
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
