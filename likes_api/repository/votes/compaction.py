"""Bring what votes have changed into the target's document: the totals a host reads, and room for a quick count.

Neither step changes any count (see ``vote_documents.py`` for the sum), so both may fail, be left out or be done twice.
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.vote_document_fields import OPEN_FIELDS, votes_of, without_vote

# Votes compacted by one transaction: about 5 ms, during which another vote of one of these voters waits; one that comes
# between its first look and its write makes it fail.
BATCH = 128
_ATTEMPTS = 5
_CLAIM = f"{OVERFLOW}.compacting"
_COUNTERS = (("upvotes", "up"), ("downvotes", "down"))


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the document is that names a set of votes: an entry of the register."""

    collection: str
    key: Any


class Compaction:
    """Show totals, and compact open votes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._at_one_instant = self._votes.with_options(read_concern=ReadConcern("snapshot"))
        self._register = collections.get(database, collections.MOVED)

    def uncompacted(self) -> list[ObjectId]:
        """List the sets that have open votes, in one round trip, of an index that holds nothing else."""
        rows = self._votes.aggregate([{"$match": {"open": True}}, {"$group": {"_id": "$_id.t"}}])
        return [row["_id"] for row in rows]

    def is_crowded(self, id_: ObjectId, crowd: int) -> bool:
        """Tell whether a set has as many open votes."""
        return self._votes.count_documents({"open": True, "_id.t": id_}, limit=crowd) >= crowd

    def find(self, id_: ObjectId) -> Moved | None:
        """Look up a set's document."""
        found = self._register.find_one({"_id": id_})
        return None if found is None else Moved(found["collection"], found["target"])

    def show(self, id_: ObjectId, moved: Moved) -> bool:
        """Make ``upvotes`` and ``downvotes`` of the document what they are at this instant: two round trips at most.

        They move by what they were behind, so that what a host adds to them stays. The revision keeps an older sum from
        overwriting a newer one.

        :returns: whether the document is there and names this set.
        """
        for _ in range(_ATTEMPTS):
            state, open_ = self._read(id_, moved)
            if state is None or all(open_[ahead] == state[ahead] for _, ahead in _COUNTERS):
                return state is not None
            steps = {counter: {"$max": [0, _plus(counter, open_[up] - state[up])]} for counter, up in _COUNTERS}
            shown = {f"{OVERFLOW}.{up}": open_[up] for _, up in _COUNTERS}
            done = collections.get(self._database, moved.collection).update_one(
                {"_id": moved.key, f"{OVERFLOW}.id": id_, f"{OVERFLOW}.rev": state["rev"]},
                [{"$set": {**steps, **shown, f"{OVERFLOW}.rev": state["rev"] + 1}}],
            )
            if done.matched_count:
                break
        return True

    def _read(self, id_: ObjectId, moved: Moved) -> tuple[Document | None, Document]:
        """Read the document's state, and the sums of the open votes, at one instant."""
        document = [{"$match": {"_id": moved.key, f"{OVERFLOW}.id": id_}}, {"$project": {OVERFLOW: 1}}]
        pipeline: list[Document] = [
            {"$match": {"open": True, "_id.t": id_}},
            {"$group": {"_id": None, "up": {"$sum": "$up"}, "down": {"$sum": "$down"}}},
            {"$unionWith": {"coll": collections.name_in(self._database, moved.collection), "pipeline": document}},
        ]
        open_: Document = {"up": 0, "down": 0}
        state: Document | None = None
        for row in self._at_one_instant.aggregate(pipeline):
            if OVERFLOW in row:
                state = row[OVERFLOW]
            else:
                open_ = row
        return state, open_

    def compact(self, id_: ObjectId, moved: Moved, batch: int = BATCH) -> int | None:
        """Settle some open votes in one transaction: close them, and take them out of what is shown ahead.

        :returns: how many; ``None`` if others do the same, or wrote to the same documents, and nothing is changed.
        """
        if not self._claim(id_, moved):
            return None
        compacted: int | None = None
        try:
            with (
                self._database.client.start_session() as session,
                session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority")),
            ):
                compacted = self._compact(id_, moved, batch, session)
        except OperationFailure as error:
            # Also when the commit's outcome is unknown: either way the counts are what they were.
            if not error.has_error_label("TransientTransactionError"):
                raise
        if not compacted:
            self._release(id_, moved)
        return compacted

    def _claim(self, id_: ObjectId, moved: Moved) -> bool:
        """Say that we compact, for a second at most: others would collide with us, and do work for nothing.

        That they may all the same does no harm, so it need not be journaled.
        """
        begin = {"$subtract": ["$$NOW", timeouts.milliseconds(timeouts.COMPACTION_CLAIM)]}
        lapsed = {"$expr": {"$lt": [f"${_CLAIM}", begin]}}
        free = {"$or": [{_CLAIM: None}, lapsed]}
        named = {"_id": moved.key, f"{OVERFLOW}.id": id_}
        with deadline(timeouts.COMPACTION_CLAIM.total_seconds()):
            done = self._loosely(moved).update_one(named | free, [{"$set": {_CLAIM: "$$NOW"}}])
        return done.matched_count == 1

    def _release(self, id_: ObjectId, moved: Moved) -> None:
        named = {"_id": moved.key, f"{OVERFLOW}.id": id_}
        with deadline(timeouts.COMPACTION_CLAIM.total_seconds()):
            self._loosely(moved).update_one(named, {"$unset": {_CLAIM: ""}})

    def _loosely(self, moved: Moved) -> Collection:
        return collections.get(self._database, moved.collection, write_concern=WriteConcern(1))

    def _compact(self, id_: ObjectId, moved: Moved, batch: int, session: ClientSession) -> int:
        fields = {"up": 1, "down": 1}
        found = list(self._votes.find({"open": True, "_id.t": id_}, fields, session=session).limit(batch))
        if not found:
            return 0
        closed = {"$unset": dict.fromkeys(OPEN_FIELDS, "")}
        self._votes.update_many({"_id": {"$in": [each["_id"] for each in found]}}, closed, session=session)
        # Last, so that the target's own document is held for the shortest time.
        steps = {f"{OVERFLOW}.{up}": -sum(each[up] for each in found) for _, up in _COUNTERS}
        done = collections.get(self._database, moved.collection).update_one(
            {"_id": moved.key, f"{OVERFLOW}.id": id_},
            {"$inc": {**steps, f"{OVERFLOW}.rev": 1}, "$unset": {_CLAIM: ""}},
            session=session,
        )
        if not done.matched_count:
            session.abort_transaction()
            return 0
        return len(found)

    def forget(self, id_: ObjectId) -> None:
        """Delete the documents of those who have no vote any more; it costs more than the rest, and is in no hurry."""
        self._votes.delete_many(without_vote(id_))


def _plus(counter: str, step: int) -> Document:
    return {"$add": [{"$ifNull": [f"${counter}", 0]}, step]}
