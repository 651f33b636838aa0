"""A real MongoDB for the run, a database of its own for each test, and the application on it."""

from collections.abc import Iterator
from uuid import uuid4

import mongomock
import pytest
from flask import Flask
from pymongo import MongoClient

from likes_api.app import create_app
from likes_api.repository.client import connect
from likes_api.repository.documents import Database
from likes_api.repository.embedded import EmbeddedMongod, find_mongod
from tests.support import mongomock_gaps
from tests.support.settings import settings

mongomock_gaps.install()


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    with EmbeddedMongod(find_mongod(None), tmp_path_factory.mktemp("mongod")) as server:
        yield server


@pytest.fixture(scope="session")
def client(mongod: EmbeddedMongod) -> Iterator[MongoClient]:
    with connect(mongod.uri) as client:
        yield client


@pytest.fixture
def database(client: MongoClient) -> Iterator[Database]:
    """A fresh database on the real server."""
    name = f"test_{uuid4().hex}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def mock_database() -> Database:
    """A fresh database of mongomock, for unit tests."""
    return mongomock.MongoClient().likes


@pytest.fixture
def app(database: Database) -> Flask:
    return create_app(settings(), database)
