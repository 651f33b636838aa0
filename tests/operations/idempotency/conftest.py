"""The application on a database with one question."""

from collections.abc import Iterator

import pytest
from flask import Flask

from harness.documents import emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["questions"].insert_one({"_id": "q_123"})
        yield module_database


@pytest.fixture
def app(database: Database) -> Flask:
    return create_app(settings(), database)
