"""Look at the documents themselves, past the code that is tested."""

from collections.abc import Iterator
from typing import Any

from likes_api.repository.documents import Database, Document

TARGET_COLLECTIONS = ("questions", "messages", "entries", "posts", "comments")
_HALVES = (("likedBy", "upvotes"), ("dislikedBy", "downvotes"))


def snapshot(database: Database) -> dict[str, list[Document]]:
    """Read the whole database, so that two moments can be compared.

    The limiter's counters, which a refused request may move, live in databases of their own.
    """
    return {name: list(database[name].find().sort("_id")) for name in sorted(database.list_collection_names())}


def faults(document: Document, surplus: dict[str, int] | None = None) -> Iterator[str]:
    """Tell what is wrong with a target's votes: the invariant of ``CONTRACTS.md``.

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
    """Tell what is wrong with the votes of any target; an empty list is what every test wants."""
    return [fault for name in TARGET_COLLECTIONS for document in database[name].find() for fault in faults(document)]
