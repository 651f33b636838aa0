"""Read documents directly, not through the code under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from likes_api.mongodb.documents import Database, Document

TARGET_COLLECTIONS = ("questions", "messages", "likes_entries", "likes_posts", "likes_comments")
_HALVES = (("likedBy", "upvotes"), ("dislikedBy", "downvotes"))


@contextmanager
def named_database(client: MongoClient[Document]) -> Iterator[Database]:
    """Yield a new database that several tests share: dropping one takes the server 0.1 s."""
    name = f"test_{uuid4().hex}"
    try:
        yield client[name]
    finally:
        client.drop_database(name)


@contextmanager
def emptied_afterwards(database: Database) -> Iterator[None]:
    """Delete all documents after a test."""
    try:
        yield
    finally:
        for name in database.list_collection_names(filter={"name": {"$not": {"$regex": "^system\\."}}}):
            database[name].delete_many({})


def snapshot(database: Database) -> dict[str, list[Document]]:
    """Read the whole database, so that two moments can be compared.

    Empty collections are left out: a worker makes the indexes of ours, and so the collections, when it gets to it.
    """
    names = sorted(database.list_collection_names())
    found = {name: list(database[name].find().sort("_id")) for name in names}
    return {name: documents for name, documents in found.items() if documents}


def faults(document: Document, surplus: dict[str, int] | None = None) -> Iterator[str]:
    """Return what is wrong with a target's votes, by the invariant of ``CONTRACTS.md``.

    :param surplus: by how much a counter was higher than its array when the host imported it.
    """
    voters: list[Any] = []
    for array, counter in _HALVES:
        held, count = document.get(array, []), document.get(counter, 0)
        voters += held
        if count != len(held) + (surplus or {}).get(counter, 0):
            yield f"{document['_id']}: {counter} is {count}, {array} holds {len(held)}"
        if not all(isinstance(voter, str) for voter in held):
            yield f"{document['_id']}: {array} holds something else than strings"
        if len(set(held)) != len(held):
            yield f"{document['_id']}: somebody stands twice in {array}"
    if len(set(voters)) != len(voters):
        yield f"{document['_id']}: somebody stands twice"


def all_faults(database: Database) -> list[str]:
    """Return what is wrong with the votes of any target; an empty list where nothing is."""
    return [fault for name in TARGET_COLLECTIONS for document in database[name].find() for fault in faults(document)]
