"""Bearer tokens as they are kept: the SHA-256, the person, the scopes, the end. The token itself is kept nowhere.

A plain hash will do: a token is 256 random bits, not a password, so there is nothing to guess and no salt to add.
The hash is the ``_id``. An index walk takes longer the more leading digits match, but a stranger who tries tokens
chooses tokens, not hashes: to learn from the time one would have to find a preimage first.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from pymongo import ReplaceOne

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.batching.batched_reads import BatchedReads

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """The person and the scopes of a token."""

    person: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token that another application made, as it is kept here; ``hash`` is its SHA-256 in hex."""

    hash: str
    person: str
    scopes: Collection[str]
    expires: datetime


class UnknownPerson(Exception):
    """There is no such person."""


class TokenRepository:
    """Make, find and revoke tokens.

    Every method may raise :class:`likes_api.repository.StoreError`.
    """

    def __init__(self, database: Database) -> None:
        self._tokens = collections.get(database, collections.TOKENS)
        self._people = collections.get(database, collections.PEOPLE)
        self._grants = BatchedReads(self._read)

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        """Return the grant of a token, or ``None`` where it is unknown, expired or revoked, or its person is gone.

        One round trip for all calls that meet. The time is checked besides the TTL index, whose sweep comes once a
        minute, or later on a busy server (MongoDB manual, "TTL Indexes").
        """
        return self._grants.get((_digest(token), now))

    def _read(self, asked: Collection[tuple[str, datetime]], comment: str | None) -> dict[tuple[str, datetime], Grant]:
        pipeline: list[Document] = [
            # The latest time of those who ask is still over by now.
            {
                "$match": {
                    "_id": {"$in": list({digest for digest, _ in asked})},
                    "expiresAt": {"$gt": max(now for _, now in asked)},
                }
            },
            {
                "$lookup": {
                    "from": self._people.name,
                    "localField": "person",
                    "foreignField": "_id",
                    "pipeline": [{"$project": {"_id": 1}}],
                    "as": "people",
                }
            },
            {"$match": {"people": {"$ne": []}}},
            {"$project": {"person": 1, "scopes": 1}},
        ]
        with self._tokens.aggregate(pipeline, batchSize=len(asked) + 1, comment=comment) as rows:
            grants = {row["_id"]: Grant(row["person"], frozenset(row["scopes"])) for row in rows}
        return {(digest, now): grants[digest] for digest, now in asked if digest in grants}

    def create(
        self,
        person: str,
        scopes: Collection[str],
        lifetime: timedelta,
        now: datetime,
        session: Session | None = None,
    ) -> str:
        """Make a token for a person and return it: 64 hex digits, which cannot be read again.

        :param session: the transaction to be part of.

        :raises UnknownPerson: there is no such person.
        """
        if self._people.find_one({"_id": person}, {"_id": 1}, session=session) is None:
            raise UnknownPerson(f"There is no person {person!r}.")
        token = secrets.token_hex(_TOKEN_BYTES)
        self._tokens.insert_one(_document(TokenRecord(_digest(token), person, scopes, now + lifetime)), session=session)
        return token

    def put(self, records: Sequence[TokenRecord]) -> dict[int, str]:
        """Write tokens that others made, in two round trips; one that is here already is replaced.

        :returns: the reason for each that was refused, by its index in ``records``.
        """
        people = self._people.find({"_id": {"$in": list({record.person for record in records})}}, {"_id": 1})
        known = {person["_id"] for person in people}
        refused = {
            index: str(UnknownPerson(f"There is no person {record.person!r}."))
            for index, record in enumerate(records)
            if record.person not in known
        }
        writes = [
            ReplaceOne({"_id": each.hash}, _document(each), upsert=True) for each in records if each.person in known
        ]
        if writes:
            self._tokens.bulk_write(writes)
        return refused

    def revoke(self, token: str, session: Session | None = None) -> bool:
        """Make a token invalid from now on; return whether there was one."""
        return self._tokens.delete_one({"_id": _digest(token)}, session=session).deleted_count == 1


def _document(record: TokenRecord) -> Document:
    return {
        "_id": record.hash,
        "person": record.person,
        "scopes": sorted(set(record.scopes)),
        "expiresAt": record.expires,
    }


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
