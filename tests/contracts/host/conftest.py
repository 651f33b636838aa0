"""The application on a database with targets of every type, and a count of its commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from pymongo import MongoClient

from harness.documents import all_faults, emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support import host
from tests.support.issuer import HOST_KEY, issuers_file, key_set
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        host.populate(module_database)
        yield module_database
        assert all_faults(module_database) == []


@pytest.fixture(scope="module")
def issuers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ``LIKES_JWT_ISSUERS``."""
    directory: Path = tmp_path_factory.mktemp("issuers")
    (directory / "keys.json").write_bytes(key_set(HOST_KEY))
    return issuers_file(directory, {"keys": "keys.json", "algorithms": ["ES256"], "audience": "likes"})


@pytest.fixture(scope="module")
def app(watched: MongoClient[Document], module_database: Database, issuers: str) -> Flask:
    return create_app(settings(JWT_ISSUERS=issuers), watched[module_database.name])


@pytest.fixture(scope="module")
def guest_app(watched: MongoClient[Document], module_database: Database) -> Flask:
    return create_app(settings(GUEST_LIKES="true"), watched[module_database.name])
