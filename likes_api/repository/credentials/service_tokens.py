"""Service tokens as they are kept: the SHA-256 of the secret, a name, scopes, and the last day of use.

A plain hash will do, as for bearer tokens (:mod:`likes_api.repository.credentials.tokens`). Nothing is cached, so a
token that is revoked or replaced is invalid with the next request.
"""

import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository import StoreError

_ID_BYTES = 6
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """A token as an operator sees it.

    :param last_used: the day (UTC) of the last request with it; ``None`` where there was none.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created: datetime
    last_used: datetime | None


class UnknownServiceToken(Exception):
    """There is no such token."""


class ServiceTokenRepository:
    """Make, find, list, replace and revoke service tokens.

    Every method may raise :class:`likes_api.repository.StoreError`. A ``session`` makes a call part of a transaction.
    """

    def __init__(self, database: Database) -> None:
        self._tokens = collections.get(database, collections.SERVICE_TOKENS)

    def scopes_of(self, id_: str, secret: str, now: datetime) -> frozenset[str] | None:
        """Return the scopes of a token, or ``None`` where it is unknown, replaced or revoked.

        One round trip, and one more with the first request of a day, which notes that day.
        """
        digest = _digest(secret)
        replaced = {"previous.secret": digest, "previous.until": {"$gt": now}}
        found = self._tokens.find_one(
            {"_id": id_, "$or": [{"secret": digest}, replaced]}, {"_id": 0, "scopes": 1, "lastUsed": 1}
        )
        if found is None:
            return None
        today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        last_used: datetime | None = found.get("lastUsed")
        if last_used is None or last_used.replace(tzinfo=UTC) < today:
            # The token is valid whether the day could be noted or not.
            with suppress(StoreError):
                self._tokens.update_one({"_id": id_}, {"$max": {"lastUsed": today}})
        return frozenset(found["scopes"])

    def create(self, name: str, scopes: Collection[str], now: datetime, session: Session | None = None) -> str:
        """Make a token and return it; it cannot be read again."""
        id_, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
        self._tokens.insert_one(
            {"_id": id_, "name": name, "scopes": sorted(set(scopes)), "secret": _digest(secret), "created": now},
            session=session,
        )
        return _token(id_, secret)

    def rotate(self, id_: str, overlap: timedelta, now: datetime, session: Session | None = None) -> str:
        """Replace a token's secret and return the token; it cannot be read again.

        The secret before stays valid for the overlap; one that was replaced earlier does not.

        :raises UnknownServiceToken: there is no such token.
        """
        secret = secrets.token_hex(_SECRET_BYTES)
        replace: list[Document] = [
            {"$set": {"previous": {"secret": "$secret", "until": now + overlap}, "secret": _digest(secret)}}
        ]
        if self._tokens.update_one({"_id": id_}, replace, session=session).matched_count == 0:
            raise UnknownServiceToken(f"There is no service token {id_!r}.")
        return _token(id_, secret)

    def revoke(self, id_: str, session: Session | None = None) -> None:
        """Make a token invalid from now on.

        :raises UnknownServiceToken: there is no such token.
        """
        if self._tokens.delete_one({"_id": id_}, session=session).deleted_count == 0:
            raise UnknownServiceToken(f"There is no service token {id_!r}.")

    def list(self) -> Iterator[ServiceToken]:
        """Yield all tokens, the oldest first."""
        for found in self._tokens.find({}, {"secret": 0, "previous": 0}, sort={"created": 1, "_id": 1}):
            yield ServiceToken(
                found["_id"], found["name"], tuple(found["scopes"]), found["created"], found.get("lastUsed")
            )


def _token(id_: str, secret: str) -> str:
    return f"lk_{id_}_{secret}"


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
