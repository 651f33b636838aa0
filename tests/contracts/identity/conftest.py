"""The application on a database with targets of contracts 1 and 2, which take JWTs."""

from collections.abc import Iterator

import pytest
from flask import Flask
from pymongo import MongoClient

from harness.documents import all_faults, emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support.settings import settings


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        votes = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}
        module_database["questions"].insert_one({"_id": "q_123"} | votes)
        entries = [{"_id": "members"}, {"_id": "guests", "guest_allowed": True}]
        module_database["likes_entries"].insert_many([entry | votes for entry in entries])
        yield module_database
        assert all_faults(module_database) == []


@pytest.fixture(scope="module")
def app(watched: MongoClient[Document], module_database: Database, issuers: str) -> Flask:
    """The application, whose commands are counted."""
    return create_app(settings(JWT_ISSUERS=issuers), watched[module_database.name])
