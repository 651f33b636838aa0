"""The indexes of our own collections. Targets are found by ``_id``; a host's collections are its own to index."""

from likes_api.mongodb.documents import Database
from likes_api.repository import idempotency_keys, tokens
from likes_api.repository.votes import vote_documents


def ensure_indexes(database: Database) -> None:
    """Make the indexes that are missing; making them again changes nothing.

    :raises likes_api.repository.StoreError: the database is away, or has another index of that name.
    """
    # Each record and each token names the moment at which it goes.
    database[idempotency_keys.COLLECTION].create_index("expires", expireAfterSeconds=0)
    database[tokens.COLLECTION].create_index("expiresAt", expireAfterSeconds=0)
    vote_documents.ensure_indexes(database)
