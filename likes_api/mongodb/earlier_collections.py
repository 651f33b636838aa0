"""Rename what versions without a prefix have written: ``entries`` becomes ``likes_entries``, with its indexes.

The database is the host application's as well, which may have a collection of the same name. So one is renamed only
where the server finds in it nothing but documents of the shape that we have written, and at least one of them.
See ``docs/decisions/0015``.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pymongo.errors import ExecutionTimeout, OperationFailure

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.failures import facts

_NAMESPACE_NOT_FOUND, _NAMESPACE_EXISTS = 26, 48

log = logging.getLogger(__name__)


def _shape(required: Document, optional: Document | None = None) -> Document:
    types = {"_id": "string"} | required | (optional or {})
    fields = {name: {"bsonType": each} for name, each in types.items()}
    return {"required": sorted({"_id", *required}), "properties": fields, "additionalProperties": False}


_NUMBER = ["int", "long", "double"]
_VOTED = {"upvotes": _NUMBER, "downvotes": _NUMBER, "likedBy": "array", "dislikedBy": "array"}
_OVERFLOW = {"likesOverflow": "object"}
_ENTRY = {"title": "string", "url": "string", "collection": "string", "boost": _NUMBER}

# What the import, the idempotency keys and the rate limits of those versions wrote.
_SHAPES: Mapping[str, Document] = MappingProxyType(
    {
        collections.ENTRIES: _shape(_VOTED, _OVERFLOW | _ENTRY | {"locked": "bool", "guest_allowed": "bool"}),
        collections.POSTS: _shape(_VOTED | {"author": "string", "public": "bool"}, _OVERFLOW | {"visible_to": "array"}),
        collections.COMMENTS: _shape(_VOTED | {"author": "string", "post": "string"}, _OVERFLOW),
        collections.PEOPLE: _shape(
            {"diaspora_id": "string", "name": "string"}, {"avatar": "string", "ignores": "array"}
        ),
        collections.IDEMPOTENCY: _shape(
            {"_id": "binData", "fingerprint": "binData", "expires": "date"}, {"answer": "object"}
        ),
        collections.RATE_LIMITS: _shape({"moments": "array", "expires": "date"}),
    }
)


def rename_earlier(database: Database) -> None:
    """Rename the collections of earlier versions; any number of processes may do so at once. One round trip if none.

    Those versions knew no other prefix than the default one, which some of their collections had already. So another
    prefix is one of a new deployment, and nothing is renamed for it.

    A server that refuses it (a user without the privilege) leaves everything as it is, and the log says so.

    :raises likes_api.repository.StoreError: the database is unavailable.
    """
    if collections.prefix_of(database) != collections.DEFAULT_PREFIX:
        return
    try:
        _rename_all(database)
    except ExecutionTimeout:
        raise
    except OperationFailure as error:
        log.warning("collections of an earlier version are not renamed", extra=facts(error))


def _rename_all(database: Database) -> None:
    with deadline(timeouts.RENAME_SECONDS):
        new = {name: collections.name_in(database, name) for name in _SHAPES}
        # A view or a time series is none that we have made.
        asked: dict[str, Any] = {"type": "collection", "name": {"$in": [*new, *new.values()]}}
        found = set(database.list_collection_names(filter=asked))
        for name in found & new.keys():
            if _is_ours(database, name):
                _rename(database, name, new[name])
            else:
                log.info(
                    "a collection that an earlier version may have used is not ours alone, and stays",
                    extra={"collection": name},
                )


def _is_ours(database: Database, name: str) -> bool:
    """Whether the collection holds documents, all of our shape."""
    other = database[name].find_one({"$nor": [{"$jsonSchema": _SHAPES[name]}]}, {"_id": 1})
    return other is None and database[name].find_one({}, {"_id": 1}) is not None


def _rename(database: Database, old: str, new: str) -> None:
    names = {"collection": old, "becomes": new}
    try:
        database[old].rename(new)
    except OperationFailure as error:
        if error.code == _NAMESPACE_NOT_FOUND:
            return  # another process was first
        if error.code != _NAMESPACE_EXISTS:
            raise
        log.warning("a collection of an earlier version is not renamed, the new one is there already", extra=names)
    else:
        log.info("a collection of an earlier version is renamed", extra=names)
