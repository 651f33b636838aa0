"""The application on a database with a question and a message, for the tests of contract 1."""

from collections.abc import Iterator

import pytest
from flask import Flask

from harness.documents import emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    """A database with a question and a message on which others have voted."""
    with emptied_afterwards(module_database):
        module_database["questions"].insert_one(
            {"_id": "q_123", "upvotes": 2, "downvotes": 1, "likedBy": ["bob", "carol"], "dislikedBy": ["dan"]}
        )
        module_database["messages"].insert_one({"_id": "msg_456"})
        yield module_database


@pytest.fixture(scope="module")
def module_app(module_database: Database) -> Flask:
    return create_app(settings(CORS_ORIGINS="https://www.example.com,https://Shop.Example.com:443"), module_database)


@pytest.fixture
def app(module_app: Flask, database: Database) -> Flask:
    return module_app
