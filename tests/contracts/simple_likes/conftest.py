"""A database with an entry of each kind, for the tests of contract 2."""

from collections.abc import Iterator

import pytest

from harness.documents import all_faults, emptied_afterwards
from likes_api.mongodb.documents import Database

ENTRIES = [
    {"_id": "plain", "title": "Untouched"},
    {"_id": "boosted", "boost": 41},
    {"_id": "locked", "locked": True, "boost": 7, "guest_allowed": True},
    {"_id": "guests", "guest_allowed": True},
    {"_id": "members", "guest_allowed": False},
]


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["likes_entries"].insert_many([dict(entry) for entry in ENTRIES])
        yield module_database
        assert all_faults(module_database) == []
