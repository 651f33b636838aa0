"""The guids of likes: see ``docs/decisions/0008``."""

import hmac
import json
import secrets
from threading import Lock

from pymongo import ReturnDocument

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.votes import Target

_KEY_ID = "like-guid-key"
_KEY_BYTES = 32
_GUID_BYTES = 16


class LikeGuids:
    """Make the guids of likes: 32 hex digits each, which stay the same as long as the deployment's data.

    :raises likes_api.repository.StoreError: from every method, until the key has been read once.
    """

    def __init__(self, database: Database) -> None:
        self._settings = collections.get(database, collections.SETTINGS)
        self._key: bytes | None = None
        self._lock = Lock()

    def guid_of(self, target: Target, voter: str) -> str:
        """Return the guid of one voter's like of a target: no round trip, but for the first call in a process."""
        # JSON, because no two triples have the same: an id may hold any separator that one would think of.
        like = json.dumps([target.kind, target.id, voter]).encode()
        return hmac.digest(self._read_key(), like, "sha256")[:_GUID_BYTES].hex()

    def _read_key(self) -> bytes:
        """Return the key. The first process to ask makes it, in one operation, so all processes have the same.

        Of simultaneous upserts by ``_id`` one inserts, and the server repeats the others as updates (MongoDB manual,
        "Upsert with Duplicate Values"). The client's write concern makes it last before it is used.
        """
        with self._lock:
            if self._key is None:
                kept: Document = (
                    self._settings.find_one_and_update(
                        {"_id": _KEY_ID},
                        {"$setOnInsert": {"key": secrets.token_bytes(_KEY_BYTES)}},
                        upsert=True,
                        return_document=ReturnDocument.AFTER,
                    )
                    or {}
                )
                self._key = bytes(kept["key"])
            return self._key
