"""Remember for a day what a request with an idempotency key did, so that its repetition does nothing again.

The vote and the record of it are written in one transaction: after a crash at any moment there are both or neither.
It needs a replica set, as the retryable writes of every other vote do.

A record is ``{_id: digest of caller and key, fingerprint: digest of the request, answer, expires}``.

Source: MongoDB manual, "Transactions"; why so: ``docs/decisions/0011-idempotency.md``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError, OperationFailure

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.mongodb.instrumented import instrumented
from likes_api.mongodb.transactions import NO_TRANSACTIONS, in_transaction

LIFETIME = timedelta(hours=24)

_WRITE_CONFLICT = 112


class KeyInUse(Exception):
    """The first request with this key has not been answered yet."""


class NoTransactions(Exception):
    """This MongoDB has no transactions, so a vote and the record of it cannot be written together."""


class KeyReused(Exception):
    """The key came with another request before."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """One caller's key, and what tells the request from others; both as digests."""

    id: bytes
    fingerprint: bytes


class IdempotencyRepository:
    """Keep the records; every method may raise :class:`likes_api.repository.StoreError`."""

    def __init__(self, database: Database) -> None:
        self._client = database.client
        self._records = collections.get(instrumented(database), collections.IDEMPOTENCY)

    def once(self, key: RequestKey, act: Callable[[Session], Document]) -> tuple[Document, bool]:
        """Do ``act`` unless a request with this key did so already.

        Four round trips: the record, which claims the key; ``act``'s own; the answer into the record; the commit. A
        repetition takes three: the record that is refused, the end of the transaction, and a read.

        Where ``act`` raises, nothing is written and the key stays free.

        :param act: writes to this database as part of the session that it is given; it may be called again if the
            transaction collided with another vote.
        :returns: the answer, the first one's where this is a repetition, and whether it is one.
        :raises KeyInUse: the first request with the key is under way, or its end is not known yet.
        :raises KeyReused: the key belongs to another request.
        :raises NoTransactions: it cannot be done here; nothing was done.
        """
        try:
            return in_transaction(self._client, lambda session: self._perform(session, key, act)), False
        except DuplicateKeyError:
            return self._remembered(key), True
        except OperationFailure as error:
            if error.code == NO_TRANSACTIONS:
                raise NoTransactions from error
            raise
        except KeyInUse:
            # On the way to a refusal only. Else a killed process's key and target would be held for a minute.
            abort_abandoned_transactions(self._client, age=timeouts.ABANDONED_AGE_SECONDS)
            raise

    def _perform(self, session: Session, key: RequestKey, act: Callable[[Session], Document]) -> Document:
        self._claim(key, session)
        answer = act(session)
        self._records.update_one({"_id": key.id}, {"$set": {"answer": answer}}, session=session)
        return answer

    def _claim(self, key: RequestKey, session: Session) -> None:
        """Insert the record: of two at once, the server lets one wait for nothing and refuses the other.

        It comes first, so a collision here is about the key; later ones are about the target, and are tried again.
        """
        record = {"_id": key.id, "fingerprint": key.fingerprint, "expires": datetime.now(UTC) + LIFETIME}
        try:
            self._records.insert_one(record, session=session)
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                raise KeyInUse from error
            raise

    def _remembered(self, key: RequestKey) -> Document:
        record = self._records.find_one({"_id": key.id}, {"_id": 0, "fingerprint": 1, "answer": 1})
        if record is None:  # swept up between our insert and this read: a day is over, or nearly
            raise KeyInUse
        if record["fingerprint"] != key.fingerprint:
            raise KeyReused
        answer: Document = record["answer"]
        return answer
