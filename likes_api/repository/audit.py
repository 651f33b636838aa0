"""The audit log: one line for each administrative change, written in the change's own transaction.

A line is ``{_id: number, at, by, action, on, expires}``. Numbers are given out by a counter within the transaction, so
that lines are committed in their order: whoever has read up to one misses none that comes later. Where there are no
transactions (a standalone mongod) the line is written behind its change. Why so: ``docs/decisions/0021-audit.md``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pymongo import ReturnDocument
from pymongo.errors import OperationFailure, PyMongoError

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.mongodb.transactions import NO_TRANSACTIONS, in_transaction

# Who did it, where it was no service token.
COMMAND = "command"

# The counter is a document of the same collection: below every line, and without an end.
_COUNTER = 0
# What a voter may be called; others name targets and tokens, which are nobody's data.
_VOTERS = frozenset({"person", "user", "voter"})

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody does: the service token's id or :data:`COMMAND`, the action, and the kind and id it is done to.

    :param into: the id of the voter who gets the votes of another.
    """

    by: str
    action: str
    kind: str
    id: str | None = None
    into: str | None = None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line."""

    id: int
    at: datetime
    by: str
    action: str
    on: str


class AuditLog:
    """Write and read the lines. Every method may raise :class:`likes_api.repository.StoreError`.

    :param days: how long a line is kept.
    :param digest: makes a keyed hash of a voter's id, so that nothing of a voter who is erased is left.
    """

    def __init__(self, database: Database, days: int, digest: Callable[[str], str]) -> None:
        self._client = database.client
        self._lines = collections.get(database, collections.AUDIT)
        self._days = timedelta(days=days)
        self._digest = digest

    def perform(self, change: Change, act: Callable[[Session | None], R]) -> R:
        """Do ``act`` and write its line together; no line where ``act`` returns nothing, as it has changed nothing.

        :param act: writes as part of the session that it is given, and may be called again.
        """

        def both(session: Session | None) -> R:
            done = act(session)
            if done:
                # Last, for whoever makes a change meanwhile has to wait for the counter from here on.
                self._write(change, session)
            return done

        try:
            return in_transaction(self._client, both)
        except OperationFailure as error:
            if error.code == NO_TRANSACTIONS:
                return both(None)
            self._free(error)
            raise
        except PyMongoError as error:
            self._free(error)
            raise

    def note(self, change: Change) -> None:
        """Write the line of a change that is made in many steps, before it begins."""
        self.perform(change, lambda _: True)

    def read(self, after: int, limit: int) -> list[AuditLine]:
        """Return the lines behind one, the oldest first, in one round trip."""
        found = self._lines.find({"_id": {"$gt": after}}, {"expires": 0}, sort={"_id": 1}, limit=limit)
        return [AuditLine(each["_id"], each["at"], each["by"], each["action"], each["on"]) for each in found]

    def read_all(self, after: int) -> Iterator[AuditLine]:
        """Yield all lines behind one, the oldest first."""
        while lines := self.read(after, 1_000):
            yield from lines
            after = lines[-1].id

    def _write(self, change: Change, session: Session | None) -> None:
        counter: Document = (
            self._lines.find_one_and_update(
                {"_id": _COUNTER},
                {"$inc": {"last": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            or {}
        )
        now = datetime.now(UTC)
        line = {"_id": counter["last"], "at": now, "by": change.by, "action": change.action, "on": self._on(change)}
        self._lines.insert_one(line | {"expires": now + self._days}, session=session)

    def _on(self, change: Change) -> str:
        if change.id is None:
            return change.kind
        ids = [id_ for id_ in (change.id, change.into) if id_ is not None]
        hashed = [self._digest(f"audit|{id_}") for id_ in ids] if change.kind in _VOTERS else ids
        return ":".join([change.kind, *hashed])

    def _free(self, error: PyMongoError) -> None:
        """End the transactions of processes that were killed, which would hold the counter for a minute."""
        if error.timeout or error.has_error_label("TransientTransactionError"):
            abort_abandoned_transactions(self._client, age=timeouts.ABANDONED_AGE_SECONDS)
