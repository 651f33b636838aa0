"""The application on a database with targets of every type, and a count of its commands."""

from collections.abc import Iterator

import pytest
from flask import Flask
from pymongo import MongoClient

from harness.documents import all_faults, emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support import host
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        host.populate(module_database)
        yield module_database
        assert all_faults(module_database) == []


@pytest.fixture(scope="module")
def app(watched: MongoClient[Document], module_database: Database, issuers: str) -> Flask:
    return create_app(settings(JWT_ISSUERS=issuers), watched[module_database.name])


@pytest.fixture(scope="module")
def guest_app(watched: MongoClient[Document], module_database: Database) -> Flask:
    return create_app(settings(GUEST_LIKES="true"), watched[module_database.name])
