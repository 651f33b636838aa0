"""The application on a database of the module's, and an administrator of it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from harness.documents import all_faults, emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.admin import Administrator, administrator
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        yield module_database
        assert all_faults(module_database) == []


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    return create_app(settings(), module_database)


@pytest.fixture
def admin(app: Flask, database: Database) -> Administrator:
    return administrator(app, database)
