"""Publish a moved target's totals in its document, where hosts read them, and compact its pending votes.

A vote is pending until a compaction has added its change to the document. Neither step changes any count (see
``vote_documents.py`` for the sum), so both may fail, be left out or be done twice. The index of pending votes is the
shorter the more often they are compacted, and a count reads it. Stored documents call a pending vote ``open``.
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
from likes_api.repository.votes.array_fields import OVERFLOW, whole
from likes_api.repository.votes.vote_document_fields import PENDING_FIELDS, votes_of, without_vote
from likes_api.repository.votes.vote_fields import integer, plus

# Votes compacted by one transaction: about 5 ms, during which another vote of one of these voters waits; one that comes
# between its first look and its write makes it fail.
BATCH = 128
_ATTEMPTS = 5
_CLAIM = f"{OVERFLOW}.compacting"
_COUNTERS = (("upvotes", "up"), ("downvotes", "down"))


@dataclass(frozen=True, slots=True)
class Moved:
    """The place of the document that names a set of votes, as the register has it."""

    collection: str
    key: Any


class Compaction:
    """Publish totals, compact pending votes, and prune documents without a vote."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._at_one_instant = self._votes.with_options(read_concern=ReadConcern("snapshot"))
        self._register = collections.get(database, collections.MOVED)

    def uncompacted(self) -> list[ObjectId]:
        """List the sets that have pending votes: one round trip, on an index that holds those alone."""
        rows = self._votes.aggregate([{"$match": {"open": True}}, {"$group": {"_id": "$_id.t"}}])
        return [row["_id"] for row in rows]

    def is_crowded(self, id_: ObjectId, crowd: int) -> bool:
        """Whether a set has at least ``crowd`` pending votes."""
        return self._votes.count_documents({"open": True, "_id.t": id_}, limit=crowd) >= crowd

    def find(self, id_: ObjectId) -> Moved | None:
        """Return where a set's document is; ``None`` where the register does not have the set."""
        found = self._register.find_one({"_id": id_})
        return None if found is None else Moved(found["collection"], found["target"])

    def publish(self, id_: ObjectId, moved: Moved) -> bool:
        """Write the totals of this instant into the document's ``upvotes`` and ``downvotes``: two round trips at most.

        The counters are moved by the difference, so what a host has added to them stays. The revision keeps an older
        sum from overwriting a newer one.

        :returns: whether the document is there and names this set.
        """
        for _ in range(_ATTEMPTS):
            state, pending = self._read(id_, moved)
            if state is None:
                return False
            changes = {up: pending[up] - (whole(state.get(up)) or 0) for _, up in _COUNTERS}
            if not any(changes.values()):
                break
            steps = {counter: plus(counter, changes[up]) for counter, up in _COUNTERS}
            shown = {f"{OVERFLOW}.{up}": pending[up] for _, up in _COUNTERS}
            revision = state.get("rev")
            done = collections.get(self._database, moved.collection).update_one(
                {"_id": moved.key, f"{OVERFLOW}.id": id_, f"{OVERFLOW}.rev": {"$eq": revision}},
                [{"$set": {**steps, **shown, f"{OVERFLOW}.rev": (whole(revision) or 0) + 1}}],
            )
            if done.matched_count:
                break
        return True

    def _read(self, id_: ObjectId, moved: Moved) -> tuple[Document | None, Document]:
        """Return the document's state, and the sums of the pending votes, at one instant."""
        document = [{"$match": {"_id": moved.key, f"{OVERFLOW}.id": id_}}, {"$project": {OVERFLOW: 1}}]
        pipeline: list[Document] = [
            {"$match": {"open": True, "_id.t": id_}},
            {"$group": {"_id": None, "up": {"$sum": "$up"}, "down": {"$sum": "$down"}}},
            {"$unionWith": {"coll": collections.name_in(self._database, moved.collection), "pipeline": document}},
        ]
        pending: Document = {"up": 0, "down": 0}
        state: Document | None = None
        for row in self._at_one_instant.aggregate(pipeline):
            if OVERFLOW in row:
                state = row[OVERFLOW]
            else:
                pending = row
        return state, pending

    def compact(self, id_: ObjectId, moved: Moved, batch: int = BATCH) -> int | None:
        """Compact some pending votes in one transaction: they are pending no more, and their change is final.

        :returns: how many; ``None``, and nothing is changed, if another process does it or wrote to the same documents.
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
            # Also when the commit's outcome is unknown: the counts are the same either way.
            if not error.has_error_label("TransientTransactionError"):
                raise
        if not compacted:
            self._release(id_, moved)
        return compacted

    def _claim(self, id_: ObjectId, moved: Moved) -> bool:
        """Claim the compaction of a set for a second at most; transactions of several processes would collide.

        A collision does no harm, so the claim need not be journaled.
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
        # One more, to know whether these are all; in one round trip, where 101 are the server's first batch.
        pending = self._votes.find({"open": True, "_id.t": id_}, fields, session=session, batch_size=batch + 2)
        found = list(pending.limit(batch + 1))
        taken = found[:batch]
        if not taken:
            return 0
        closed = {"$unset": dict.fromkeys(PENDING_FIELDS, "")}
        self._votes.update_many({"_id": {"$in": [each["_id"] for each in taken]}}, closed, session=session)
        # Last, so that the target's own document is held for the shortest time.
        done = collections.get(self._database, moved.collection).update_one(
            {"_id": moved.key, f"{OVERFLOW}.id": id_}, [{"$set": _final(taken, all_=taken == found)}], session=session
        )
        if not done.matched_count:
            session.abort_transaction()
            return 0
        return len(taken)

    def prune(self, id_: ObjectId) -> None:
        """Delete the documents of voters who have no vote any more: the dearest step, and the least urgent."""
        self._votes.delete_many(without_vote(id_))


def _final(votes: list[Document], *, all_: bool) -> Document:
    """Return the fields of a target after the compaction of these votes.

    Some may have come since the totals were published last. Where they are all that are pending, nobody would look at
    this target again, so their totals are published as well.
    """
    fields: Document = {f"{OVERFLOW}.rev": {"$add": [integer(f"{OVERFLOW}.rev"), 1]}, _CLAIM: "$$REMOVE"}
    for counter, up in _COUNTERS:
        ahead, change = integer(f"{OVERFLOW}.{up}"), sum(each[up] for each in votes)
        if all_:
            fields[counter] = plus(counter, {"$subtract": [change, ahead]})
        fields[f"{OVERFLOW}.{up}"] = 0 if all_ else {"$subtract": [ahead, change]}
    return fields
