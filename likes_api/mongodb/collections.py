"""Every collection: its name in the database and, where it is ours, its indexes.

Ours carry a prefix (``LIKES_COLLECTION_PREFIX``), because the database is the host application's as well: without one,
an index of ours that deletes documents could meet a collection of the host's (``docs/decisions/0015``). The host's own
are called what the Q&A document and the Auth.js adapters call them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pymongo.database
from pymongo import ASCENDING, IndexModel, MongoClient
from pymongo.collation import Collation

from likes_api.mongodb.documents import Collection, Database, Document

# Options with which an index does not serve every query, or none of ours.
_NARROWING = frozenset({"partialFilterExpression", "sparse", "collation", "hidden"})

DEFAULT_PREFIX = "likes_"

QUESTIONS, MESSAGES, SESSIONS, USERS = HOST = ("questions", "messages", "sessions", "users")

ENTRIES, POSTS, COMMENTS, PEOPLE = "entries", "posts", "comments", "people"
TOKENS, SERVICE_TOKENS, SETTINGS = "tokens", "service_tokens", "settings"
IDEMPOTENCY, RATE_LIMITS, AUDIT = "idempotency", "rate_limits", "audit"
# Voters who leave or become another, as long as that takes.
VOTER_JOBS = "voter_jobs"
# Of targets that outgrew their document: a document for each vote, and the register that leads from a set of votes to
# the target's document. The register holds names without a prefix.
VOTES, MOVED = "votes", "moved"


def _by_voter(field: str, **options: Any) -> tuple[IndexModel, ...]:
    """Make the indexes that lead from a voter to targets, in the order of their ids, which stand in ``field``."""
    return tuple(
        IndexModel([(array, ASCENDING), (field, ASCENDING)], name=name, **options)
        for array, name in (("likedBy", "likers"), ("dislikedBy", "dislikers"))
    )


# Targets are found by ``_id``; a host's collections are its own to index.
_INDEXES: Mapping[str, Sequence[IndexModel]] = MappingProxyType(
    {
        # Each record names the moment at which it goes.
        IDEMPOTENCY: (IndexModel("expires", expireAfterSeconds=0),),
        # A person is deleted with the tokens.
        TOKENS: (IndexModel("expiresAt", expireAfterSeconds=0), IndexModel("person")),
        AUDIT: (IndexModel("expires", expireAfterSeconds=0),),
        RATE_LIMITS: (IndexModel("expires", expireAfterSeconds=0),),
        **dict.fromkeys((ENTRIES, POSTS), _by_voter("_id")),
        # A post is deleted with its comments.
        COMMENTS: (*_by_voter("_id"), IndexModel("post")),
        VOTES: (
            # The votes of a voter: all of them, and in the order of targets.
            IndexModel([("_id.v", ASCENDING), ("_id.t", ASCENDING)], name="voter"),
            IndexModel(
                [("_id.v", ASCENDING), ("field", ASCENDING), ("vote", ASCENDING), ("key", ASCENDING)],
                name="voter_targets",
            ),
            # The likes of a target in order, for listing; and how many there are, for verifying.
            IndexModel(
                [("_id.t", ASCENDING), ("vote", ASCENDING), ("place", ASCENDING), ("_id.v", ASCENDING)], name="order"
            ),
            # What is to be compacted, with all that a count needs, so that the documents themselves are not read.
            IndexModel(
                [("open", ASCENDING), ("_id.t", ASCENDING), ("up", ASCENDING), ("down", ASCENDING)],
                name="open",
                partialFilterExpression={"open": True},
            ),
        ),
    }
)


class PrefixedDatabase(Database):
    """A database, and what the names of our collections in it begin with."""

    def __init__(self, client: MongoClient[Document], name: str, prefix: str = DEFAULT_PREFIX) -> None:
        super().__init__(client, name)
        self.prefix = prefix


def name_in(database: Database, collection: str) -> str:
    """Return the name that a collection of this module has in a database."""
    return collection if collection in HOST else prefix_of(database) + collection


def get(database: Database, collection: str, **options: Any) -> Collection:
    """Return a collection of this module; options are those of PyMongo's ``get_collection``."""
    name = name_in(database, collection)
    return database.get_collection(name, **options) if options else database[name]


def prefix_of(database: Database) -> str:
    """Return the prefix of our collections; the default one where the database states none."""
    return database.prefix if isinstance(database, PrefixedDatabase) else DEFAULT_PREFIX


def with_prefix(database: Database, prefix: str) -> Database:
    """Return the database with a prefix; a double that is none of PyMongo's stays as it is."""
    return (
        PrefixedDatabase(database.client, database.name, prefix)
        if isinstance(database, pymongo.database.Database)
        else database
    )


def ensure_indexes(database: Database, *collections: str) -> None:
    """Make the indexes of some collections that are missing, one round trip for each; again, it changes nothing.

    :raises likes_api.repository.StoreError: the database is unavailable, or has another index of that name.
    """
    for collection in collections:
        get(database, collection).create_indexes(list(_INDEXES[collection]))


def missing_indexes(database: Database) -> list[tuple[str, str]]:
    """Return each index that one of our collections lacks: the collection's name and the index's."""
    missing = []
    for collection, indexes in _INDEXES.items():
        there = _indexed(database, collection)
        wanted = {key_of(index): index.document["name"] for index in indexes}
        missing += [(name_in(database, collection), name) for key, name in wanted.items() if there and key not in there]
    return missing


def host_indexes(qa_id_field: str) -> Mapping[str, Sequence[IndexModel]]:
    """Return the indexes by which votes of a voter are found in the host's collections, for the host to make."""
    # A collection may have a default collation, which its indexes get as well; votes are compared byte by byte.
    return dict.fromkeys((QUESTIONS, MESSAGES), _by_voter(qa_id_field, collation=Collation("simple")))


def missing_host_indexes(database: Database, qa_id_field: str) -> list[tuple[str, IndexModel]]:
    """Return the indexes that the host's collections lack; a collection that is not there needs none.

    :raises likes_api.repository.StoreError: the database is unavailable.
    """
    missing = []
    for collection, indexes in host_indexes(qa_id_field).items():
        there = list(get(database, collection).list_indexes())
        keys = {tuple(index["key"].items()) for index in there if not _NARROWING.intersection(index)}
        missing += [(collection, index) for index in indexes if there and key_of(index) not in keys]
    return missing


def key_of(index: IndexModel) -> tuple[tuple[str, Any], ...]:
    """Return the fields of an index, with their directions."""
    return tuple(index.document["key"].items())


def is_found_by(database: Database, collection: str, field: str) -> bool:
    """Whether an index leads to a collection's documents by a field; one that is not there needs none."""
    there = _indexed(database, collection)
    return not there or any(key[0][0] == field for key in there)


def _indexed(database: Database, collection: str) -> set[tuple[tuple[str, Any], ...]]:
    """Return the keys of a collection's indexes; a collection that is not there has none, not even that on ``_id``."""
    return {tuple(index["key"].items()) for index in get(database, collection).list_indexes()}
