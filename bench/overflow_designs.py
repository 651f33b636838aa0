"""Minimal forms of designs that were not chosen, for comparison: see ``docs/decisions/0009``."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from likes_api.mongodb.documents import Database, Document

STRIPES = 64
_TOGGLE: list[Document] = [{"$set": {"vote": {"$cond": [{"$eq": ["$vote", "up"]}, "$$REMOVE", "up"]}}}]


class _DocumentPerVote:
    name: ClassVar[str]
    stripes: ClassVar[int]

    def __init__(self, database: Database) -> None:
        self._client = database.client
        self._votes, self._counts = database[f"{self.name}_votes"], database[f"{self.name}_counts"]

    def fill(self, voters: Sequence[str]) -> None:
        self._votes.insert_many([{"_id": voter, "vote": "up"} for voter in voters], ordered=False)
        self._counts.insert_many([{"_id": n, "count": len(voters) // self.stripes} for n in range(self.stripes)])

    def _step(self, voter: str, session: ClientSession | None = None) -> int:
        options: dict[str, Any] = {"upsert": True, "projection": {"vote": 1}, "session": session}
        before = self._votes.find_one_and_update({"_id": voter}, _TOGGLE, **options)
        return -1 if before and "vote" in before else 1


class TwoWrites(_DocumentPerVote):
    """A document per vote, and one counter by a second write: a crash between the two drifts."""

    name, stripes = "two", 1

    def vote(self, voter: str) -> None:
        step = {"$inc": {"count": self._step(voter)}}
        self._counts.find_one_and_update({"_id": 0}, step, return_document=ReturnDocument.AFTER)


class Transaction(_DocumentPerVote):
    """A document per vote, and 64 counters, in a transaction; the counters are summed for the answer."""

    name, stripes = "transaction", STRIPES

    def vote(self, voter: str) -> None:
        def both(session: ClientSession) -> None:
            step = self._step(voter, session)
            self._counts.update_one({"_id": int(voter, 16) % STRIPES}, {"$inc": {"count": step}}, session=session)

        with self._client.start_session() as session:
            session.with_transaction(both)
        list(self._counts.aggregate([{"$group": {"_id": None, "count": {"$sum": "$count"}}}]))


DESIGNS: dict[str, type[TwoWrites] | type[Transaction]] = {
    "two writes": TwoWrites,
    "transaction, 64 counters": Transaction,
}
