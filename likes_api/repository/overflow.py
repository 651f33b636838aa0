"""Votes on targets that outgrew their document: a document per vote, and a count that is exact at every instant.

A moved target's document names a set of votes, ``likesOverflow.id``. In ``likes_votes`` each voter has one document::

    {_id: {t: <that id>, v: <voter>}, vote: "up" | "down", place: <order>, open: true, up: +1, down: 0}

``up`` and ``down`` are what this voter's votes have changed since they were last settled, that is added into the
target's document (``settling.py``); ``open`` marks those that have something to settle. At every instant

    count = the target's own counter - what it shows ahead of settling (``likesOverflow.up``) + all open ``up``

so a vote is one update of one document, atomic without a transaction, in which no two voters meet; the count is one
read of a single instant (read concern "snapshot") of an index that holds the few open documents alone. Why so, and what
else was measured: ``docs/decisions/0009``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from likes_api.repository import vote_pipeline
from likes_api.repository.documents import Collection, Database, Document
from likes_api.repository.guarded import in_transaction
from likes_api.repository.update_pipeline import OVERFLOW
from likes_api.votes import Change, Vote

VOTES = "likes_votes"
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Count:
    """The votes of one moved target, all of one instant.

    :param document: the target's document without its counters: ``boost`` and the like.
    :param own: the voter's own vote.
    :param open: how many vote documents are to be settled.
    """

    upvotes: int
    downvotes: int
    own: Vote | None
    open: int
    document: Document


def votes_of(database: Database) -> Collection:
    """Give the collection of votes. Majority writes always, because the count is read from what the majority has."""
    return database.get_collection(VOTES, write_concern=WriteConcern("majority"))


def ensure_indexes(database: Database) -> None:
    """Make the indexes that are missing; making them again changes nothing."""
    votes = votes_of(database)
    # The likes of a target in order, for listing; and how many there are, for verifying.
    votes.create_index([("_id.t", 1), ("vote", 1), ("place", 1), ("_id.v", 1)], name="order")
    # What is to be settled, with all that a count needs, so that the documents themselves are not read.
    votes.create_index(
        [("open", 1), ("_id.t", 1), ("up", 1), ("down", 1)], name="open", partialFilterExpression={"open": True}
    )


class OverflowVotes:
    """Vote on moved targets, and count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._at_one_instant = self._votes.with_options(read_concern=ReadConcern("snapshot"))

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

    def count(
        self, collection: str, id_field: str, targets: Mapping[ObjectId, list[Any]], voter: str | None = None
    ) -> dict[ObjectId, Count]:
        """Count the votes of moved targets of one kind, in one round trip however many.

        :param targets: for each set of votes the keys under which its target's document may be found. One that is gone,
            or names another set by now, is left out.
        """
        rows: dict[ObjectId, Document] = {id_: {} for id_ in targets}
        # `open` and `up`, `down` come from the index; the other two stages look at one document each per target.
        open_: list[Document] = [
            {"$match": {"open": True, "_id.t": {"$in": list(targets)}}},
            {"$group": {"_id": "$_id.t", "up": {"$sum": "$up"}, "down": {"$sum": "$down"}, "open": {"$sum": 1}}},
        ]
        others = [(collection, _documents(id_field, targets))]
        if voter is not None:
            others.append((VOTES, _own_votes(targets, voter)))
        for row in self._together(open_, others, most=3 * len(targets)):
            rows.get(row["_id"], {}).update(row)
        return {id_: _count(row) for id_, row in rows.items() if "document" in row}

    def _together(
        self, first: list[Document], others: list[tuple[str, list[Document]]], most: int
    ) -> Iterator[Document]:
        """Run aggregations at one instant, the first on the votes, in one round trip.

        In a transaction, which is of one instant anyway, MongoDB has no ``$unionWith``: there it takes one each.

        :param most: how many rows there may be, so that all come with the first batch.
        """
        if in_transaction():
            pipelines = [(self._at_one_instant, first)]
            pipelines += [(self._database[name], pipeline) for name, pipeline in others]
        else:
            unions = [{"$unionWith": {"coll": name, "pipeline": pipeline}} for name, pipeline in others]
            pipelines = [(self._at_one_instant, [*first, *unions])]
        for source, pipeline in pipelines:
            with source.aggregate(pipeline, batchSize=most + 1) as found:
                yield from found

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
            {"$unionWith": {"coll": VOTES, "pipeline": others}},
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


def _documents(id_field: str, targets: Mapping[ObjectId, list[Any]]) -> list[Document]:
    keys = [key_ for keys in targets.values() for key_ in keys]
    shown = {
        name: {"$subtract": [{"$ifNull": [f"${name}", 0]}, {"$ifNull": [f"${OVERFLOW}.{ahead}", 0]}]}
        for name, ahead in (("upvotes", "up"), ("downvotes", "down"))
    }
    return [
        {"$match": {id_field: {"$in": keys}, f"{OVERFLOW}.id": {"$in": list(targets)}}},
        {"$project": {"_id": f"${OVERFLOW}.id", "document": {"_id": "$_id", "boost": "$boost"}, **shown}},
    ]


def _own_votes(targets: Mapping[ObjectId, list[Any]], voter: str) -> list[Document]:
    return [
        {"$match": {"_id": {"$in": [key(id_, voter) for id_ in targets]}}},
        {"$project": {"_id": "$_id.t", "vote": 1}},
    ]


def _count(row: Document) -> Count:
    return Count(
        upvotes=max(0, int(row["upvotes"] + row.get("up", 0))),
        downvotes=max(0, int(row["downvotes"] + row.get("down", 0))),
        own=_vote(row),
        open=row.get("open", 0),
        document=row["document"],
    )


def _vote(found: Document | None) -> Vote | None:
    held = (found or {}).get("vote")
    return None if held is None else Vote(held)
