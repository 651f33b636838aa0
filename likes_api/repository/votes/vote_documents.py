"""Votes on targets that outgrew their document: a document per vote, and a count that is exact at every instant.

A moved target's document names a set of votes, ``likesOverflow.id``. In ``likes_votes`` each voter has one document::

    {_id: {t: <that id>, v: <voter>}, vote: "up" | "down", place: <order>, open: true, up: +1, down: 0}

``up`` and ``down`` are what this voter's votes have changed since they were last compacted, that is added into the
target's document (``compaction.py``); ``open`` marks those that have something to compact. At every instant

    count = the target's own counter - what it shows ahead of compacting (``likesOverflow.up``) + all open ``up``

so a vote is one update of one document, atomic without a transaction, in which no two voters meet; the count is one
read of a single instant (read concern "snapshot") of an index that holds the few open documents alone. Why so, and what
else was measured: ``docs/decisions/0009``.
"""

from collections.abc import Collection as Ids

from bson import ObjectId
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes import vote_pipeline
from likes_api.repository.votes.array_votes import OVERFLOW
from likes_api.votes import Change, Vote

_ATTEMPTS = 8
_SNAPSHOT = ReadConcern("snapshot")
# Room for all that is asked for in the first batch (of 101 by default).
_BATCH = 2_000


def votes_of(database: Database) -> Collection:
    """Give the collection of votes. Majority writes always, because the count is read from what the majority has."""
    return collections.get(database, collections.VOTES, write_concern=WriteConcern("majority"))


class OverflowVotes:
    """Vote on moved targets, and count."""

    def __init__(self, database: Database) -> None:
        self._votes = votes_of(database)
        self._at_one_instant = self._votes.with_options(read_concern=_SNAPSHOT)

    def cast(self, id_: ObjectId, voter: str, change: Change) -> Vote | None:
        """Change one voter's vote, and tell the one that stood before. One round trip.

        The driver's retry of it is applied once and answers the same (retryable writes).
        """
        for attempt in range(_ATTEMPTS):
            try:
                found = self._votes.find_one_and_update(
                    {"_id": key(id_, voter)},
                    vote_pipeline.cast(change),
                    projection={"_id": 0, "vote": 1},
                    return_document=ReturnDocument.BEFORE,
                    upsert=change.vote is not None,
                )
            except DuplicateKeyError:
                # Two first votes of one voter at once: the other one's document is there now.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return _vote(found)
        raise AssertionError("unreachable")

    def read(
        self,
        targets: Collection,
        match: Document,
        fields: Document,
        sets: Ids[ObjectId],
        voter: str | None = None,
    ) -> list[Document]:
        """Read documents of targets, and count the votes of those that are moved, in one round trip however many.

        :param fields: what to project of the documents, ``array_votes.tally_fields`` among them.
        :param sets: those that are counted. A document that names another set, or none, comes as it is.
        :return: the documents; those that are counted have their exact counts, the voter's own vote and ``open``, how
            many of their votes are not compacted.
        """
        documents: list[Document] = [{"$match": match}, {"$project": {"_id": 0, **fields}}]
        if not sets:
            with targets.aggregate(documents, batchSize=_BATCH) as found:
                return list(found)
        # `open`, `up` and `down` come from the index; the other stages look at one document each for a target.
        pipeline: list[Document] = [
            {"$match": {"open": True, "_id.t": {"$in": list(sets)}}},
            {"$group": {"_id": "$_id.t", "up": {"$sum": "$up"}, "down": {"$sum": "$down"}, "open": {"$sum": 1}}},
            {"$unionWith": {"coll": targets.name, "pipeline": documents}},
        ]
        if voter is not None:
            own = {"$match": {"_id": {"$in": [key(id_, voter) for id_ in sets]}}}
            votes = [own, {"$project": {"_id": "$_id.t", "vote": 1}}]
            pipeline.append({"$unionWith": {"coll": self._votes.name, "pipeline": votes}})
        read: list[Document] = []
        sums: dict[ObjectId, Document] = {id_: {} for id_ in sets}
        with self._at_one_instant.aggregate(pipeline, batchSize=_BATCH) as found:
            for row in found:
                if "_id" in row:
                    sums[row["_id"]].update(row)
                else:
                    read.append(row)
        return [_counted(document, sums) for document in read]

    def read_one(
        self, targets: Collection, match: Document, fields: Document, id_: ObjectId, voter: str | None = None
    ) -> Document | None:
        """Read one target's document as :meth:`read` does, in one round trip of a third of the time.

        :param fields: what to project of the document besides its counters.
        :return: ``None`` if there is no such document, or it names another set by now.
        """
        shown = {"_id": 0, "upvotes": 1, "downvotes": 1, OVERFLOW: 1, **fields}
        sums = {name: {"$sum": f"${name}"} for name in ("up", "down")}
        open_ = [{"$match": {"open": True, "_id.t": id_}}, {"$group": {"_id": None, **sums, "open": {"$sum": 1}}}]
        pipeline: list[Document] = [
            {"$match": match | {f"{OVERFLOW}.id": id_}},
            {"$project": shown},
            {"$lookup": {"from": self._votes.name, "pipeline": open_, "as": "sums"}},
        ]
        if voter is not None:
            own = [{"$match": {"_id": key(id_, voter)}}, {"$project": {"_id": 0, "vote": 1}}]
            pipeline.append({"$lookup": {"from": self._votes.name, "pipeline": own, "as": "own"}})
        with targets.with_options(read_concern=_SNAPSHOT).aggregate(pipeline) as found:
            row = next(found, None)
        if row is None:
            return None
        row |= {name: row.get(name) or 0 for name in ("upvotes", "downvotes")}
        return _counted(row, {id_: {k: v for part in (*row["sums"], *row.get("own", ())) for k, v in part.items()}})

    def likers(self, id_: ObjectId, own: str, offset: int, limit: int) -> list[str]:
        """List those who like a moved target: ``own`` first if among them, then the others, oldest like first.

        One round trip, of an index alone; its cost grows with ``offset``, by about 0.3 s for each million. A like keeps
        its place as long as it stands.
        """
        mine: list[Document] = [{"$match": {"_id": key(id_, own), "vote": Vote.UP.value}}]
        others: list[Document] = [
            {"$match": {"_id.t": id_, "vote": Vote.UP.value, "_id.v": {"$ne": own}}},
            {"$sort": {"place": 1, "_id.v": 1}},
            # One before the stretch, for whether the own like takes a place is known only afterwards.
            {"$skip": max(0, offset - 1)},
            {"$limit": limit + 1},
            {"$project": {"_id": 0, "v": "$_id.v"}},
        ]
        pipeline = [
            *mine,
            {"$project": {"_id": 0, "v": "$_id.v", "own": {"$literal": True}}},
            {"$unionWith": {"coll": self._votes.name, "pipeline": others}},
        ]
        with self._at_one_instant.aggregate(pipeline, batchSize=limit + 3) as found:
            rows = list(found)
        likes = any("own" in row for row in rows)
        rest = [row["v"] for row in rows if "own" not in row]
        if offset == 0:
            return ([own] if likes else []) + rest[: limit - likes]
        return rest[0 if likes else 1 :][:limit]


def key(id_: ObjectId, voter: str) -> Document:
    """Make a vote's ``_id``. The order of the two matters to MongoDB."""
    return {"t": id_, "v": voter}


def without_vote(id_: ObjectId) -> Document:
    """Make the filter for compacted documents of voters who took back their vote: they say nothing any more."""
    return {"_id.t": id_, "vote": None, "open": None}


def _counted(document: Document, sums: dict[ObjectId, Document]) -> Document:
    state = document.get(OVERFLOW) or {}
    if state.get("id") not in sums:
        return document
    open_ = sums[state["id"]]
    vote = _vote(open_)
    return document | {
        "upvotes": document["upvotes"] - state["up"] + open_.get("up", 0),
        "downvotes": document["downvotes"] - state["down"] + open_.get("down", 0),
        "liked": vote is Vote.UP,
        "downvoted": vote is Vote.DOWN,
        "open": open_.get("open", 0),
    }


def _vote(found: Document | None) -> Vote | None:
    held = (found or {}).get("vote")
    return None if held is None else Vote(held)
