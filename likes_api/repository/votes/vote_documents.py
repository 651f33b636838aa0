"""Votes on targets that outgrew their document: a document per vote, and a count that is exact at every instant.

A moved target's document names a set of votes, ``likesOverflow.id``. In ``likes_votes`` each voter has one document::

    {_id: {t: <that id>, v: <voter>}, vote: "up" | "down", place: <order>, open: true, up: +1, down: 0}

``up`` and ``down`` are what this voter's votes have changed since they were last compacted, that is added into the
target's document (``compaction.py``); ``open`` marks the pending ones, not compacted yet. At every instant

    count = the target's own counter - what it shows ahead of compaction (``likesOverflow.up``) + all pending ``up``

so a vote is one update of one document, atomic without a transaction, in which no two voters meet; the count is one
read of a single instant (read concern "snapshot") of an index that holds the few pending votes alone. Why so, and what
else was measured: ``docs/decisions/0009``.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.batching.single_flight import SingleFlight
from likes_api.repository.votes import vote_document_fields
from likes_api.repository.votes.array_fields import HALVES, OVERFLOW, STATE_FIELDS, whole
from likes_api.repository.votes.cast import Cast, own_fields
from likes_api.repository.votes.lists.voter_page import VoterPage, guests_of_documents, ranges_of_documents
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import key, on_target, votes_of
from likes_api.votes import Change, Tally, Target, TargetKind, Vote

_ATTEMPTS = 8
_REMEMBERED = 10_000
_SNAPSHOT = ReadConcern("snapshot")
_SUMS: Document = {"up": {"$sum": "$up"}, "down": {"$sum": "$down"}, "open": {"$sum": 1}}


class VoteDocuments:
    """Cast and count votes on moved targets.

    :param maintenance: is notified of targets that have votes to compact.
    """

    def __init__(self, database: Database, finder: TargetFinder, maintenance: Maintenance | None = None) -> None:
        self._database = database
        self._finder = finder
        self._maintenance = maintenance
        self._votes = votes_of(database)
        self._at_one_instant = self._votes.with_options(read_concern=_SNAPSHOT)
        self._keys: dict[ObjectId, Any] = {}
        self._shared: SingleFlight[Tally | None] = SingleFlight()

    def cast(
        self, target: Target, id_: ObjectId, voter: str, change: Change, session: Session | None = None
    ) -> Cast | None:
        """Change one voter's vote; ``None`` if the set is the target's no more. Two round trips: the vote, the count.

        The driver's retry of it is applied once and answers the same (retryable writes). Votes of several threads on
        one target share their counts, which are read after all of them.
        """
        on = self._on(target, id_, session)
        before = self._change(id_, voter, change, on, session)
        count = partial(self.tally, target, id_, None, session)
        tally = count() if session is not None else self._shared.read(id_, count)
        if tally is None:
            self._undo(id_, voter, before, on, session)
            return None
        own = change.after(before)
        return Cast(own, changed=own is not before, tally=tally)

    def tally(self, target: Target, id_: ObjectId, voter: str | None, session: Session | None = None) -> Tally | None:
        """Read one target's counts in one round trip; ``None`` if the set is the target's no more."""
        open_ = [{"$match": {"open": True, "_id.t": id_}}, {"$group": {"_id": None, **_SUMS}}]
        pipeline: list[Document] = [
            {"$match": self._finder.filter(target) | {f"{OVERFLOW}.id": id_}},
            {"$project": {"_id": 0, **_counters(target.kind)}},
            {"$lookup": {"from": self._votes.name, "pipeline": open_, "as": "sums"}},
        ]
        if voter is not None:
            own = [{"$match": {"_id": key(id_, voter)}}, {"$project": {"_id": 0, "vote": 1}}]
            pipeline.append({"$lookup": {"from": self._votes.name, "pipeline": own, "as": "own"}})
        targets = collections.get(self._database, COLLECTIONS[target.kind]).with_options(read_concern=_SNAPSHOT)
        with targets.aggregate(pipeline, collation=SIMPLE, session=session) as found:
            row = next(found, None)
        if row is None:
            if self._maintenance is not None:
                self._maintenance.unnamed(id_)
            return None
        return self._counted(id_, row, {k: v for part in (*row["sums"], *row.get("own", ())) for k, v in part.items()})

    def tallies(self, kind: TargetKind, sets: Mapping[str, ObjectId], voter: str | None) -> dict[str, Tally]:
        """Read many targets of one kind, by their ids, in one round trip; whose set is another by now is left out."""
        ids = {key: id_ for id_ in sets for key in self._finder.keys(kind, id_)}
        field = self._finder.id_field(kind)
        documents = [
            {"$match": {field: {"$in": list(ids)}, f"{OVERFLOW}.id": {"$in": list(sets.values())}}},
            {"$project": {"_id": 0, "key": f"${field}", **_counters(kind)}},
        ]
        # `open`, `up` and `down` come from the index; the other stages look at one document each for a target.
        pipeline: list[Document] = [
            {"$match": {"open": True, "_id.t": {"$in": list(sets.values())}}},
            {"$group": {"_id": "$_id.t", **_SUMS}},
            {"$unionWith": {"coll": collections.name_in(self._database, COLLECTIONS[kind]), "pipeline": documents}},
        ]
        if voter is not None:
            own = {"$match": {"_id": {"$in": [key(id_, voter) for id_ in sets.values()]}}}
            votes = [own, {"$project": {"_id": "$_id.t", "vote": 1}}]
            pipeline.append({"$unionWith": {"coll": self._votes.name, "pipeline": votes}})
        read: list[Document] = []
        sums: dict[ObjectId, Document] = {id_: {} for id_ in sets.values()}
        with self._at_one_instant.aggregate(pipeline, batchSize=3 * len(sets) + 1, collation=SIMPLE) as found:
            for row in found:
                if "_id" in row:
                    sums[row["_id"]].update(row)
                else:
                    read.append(row)
        return {ids[row["key"]]: self._counted(id_, row, sums[id_]) for row in read if (id_ := row[OVERFLOW]["id"])}

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

    def voters(self, target: Target, id_: ObjectId, vote: Vote, after: str | None, limit: int) -> VoterPage | None:
        """List those who cast a vote, in the order of their ids, behind ``after``; ``None`` if the set is another's.

        One round trip. The cost of a page does not grow with the voters, but with the guests, who are counted.
        """
        behind: list[Document] = [{"_id": each, "vote": vote.value} for each in ranges_of_documents(id_, after)]
        page: list[Document] = [{"$match": {"$or": behind}}, {"$sort": {"_id": 1}}, {"$limit": limit}]
        guests: list[Document] = [
            {"$match": {"_id": guests_of_documents(id_), "vote": vote.value}},
            {"$count": "guests"},
        ]
        open_ = [{"$match": {"open": True, "_id.t": id_}}, {"$group": {"_id": None, **_SUMS}}]
        joined = {"sums": open_, "guests": guests, "page": [*page, {"$project": {"_id": 0, "v": "$_id.v"}}]}
        pipeline: list[Document] = [
            {"$match": self._finder.filter(target) | {f"{OVERFLOW}.id": id_}},
            {"$project": {"_id": 0, **_counters(target.kind)}},
            *({"$lookup": {"from": self._votes.name, "pipeline": each, "as": name}} for name, each in joined.items()),
        ]
        targets = collections.get(self._database, COLLECTIONS[target.kind]).with_options(read_concern=_SNAPSHOT)
        with targets.aggregate(pipeline, collation=SIMPLE) as found:
            row = next(found, None)
        if row is None:
            return None
        tally = self._counted(id_, row, {k: v for part in row["sums"] for k, v in part.items()})
        ids = tuple(each["v"] for each in row["page"])
        return VoterPage(
            ids, sum(each["guests"] for each in row["guests"]), tally.upvotes if vote is Vote.UP else tally.downvotes
        )

    def _on(self, target: Target, id_: ObjectId, session: Session | None) -> Document:
        """Return the fields that name a target; none if it does not name this set.

        One round trip, for the first vote of a process, where the id may be stored as a string or as an ObjectId.
        """
        path, keys = self._finder.path(target.kind), self._finder.keys(target.kind, target.id)
        if len(keys) == 1:
            return on_target(path, keys[0])
        if id_ not in self._keys:
            named = self._finder.filter(target) | {f"{OVERFLOW}.id": id_}
            targets = collections.get(self._database, COLLECTIONS[target.kind])
            found = targets.find_one(named, {"_id": 1}, collation=SIMPLE, session=session)
            if found is None:
                return {}
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            self._keys[id_] = found["_id"]
        return on_target(path, self._keys[id_])

    def _change(self, id_: ObjectId, voter: str, change: Change, on: Document, session: Session | None) -> Vote | None:
        """Change one voter's vote; return the one that stood before. One round trip."""
        for attempt in range(_ATTEMPTS):
            try:
                found = self._votes.find_one_and_update(
                    {"_id": key(id_, voter)},
                    vote_document_fields.cast(change, on),
                    projection={"_id": 0, "vote": 1},
                    return_document=ReturnDocument.BEFORE,
                    upsert=change.vote is not None,
                    session=session,
                )
            except DuplicateKeyError:
                # Two first votes of one voter at once: the other one's document is there now.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return _vote(found)
        raise AssertionError("unreachable")

    def _undo(self, id_: ObjectId, voter: str, before: Vote | None, on: Document, session: Session | None) -> None:
        """Restore a vote in a set that is not the target's any more: the set may be deleted, or be named again."""
        if before is None:
            self._votes.delete_one({"_id": key(id_, voter)}, session=session)
        else:
            self._change(id_, voter, Change(before), on, session)

    def _counted(self, id_: ObjectId, document: Document, sums: Mapping[str, Any]) -> Tally:
        """Return the counts that the document's counters and the sums of the set's pending votes make."""
        state = document[OVERFLOW]
        counts = {}
        for vote, half in HALVES.items():
            # A host may have written anything there.
            total, ahead = max(0, whole(document.get(half.counter)) or 0), whole(state.get(vote.value)) or 0
            counts[half.counter] = max(0, total - ahead + sums.get(vote.value, 0))
        if self._maintenance is not None:
            self._maintenance.voted(id_, sums.get("open", 0))
        return Tally(**counts, own=_vote(sums), boost=whole(document.get("boost")) or 0)


def _counters(kind: TargetKind) -> Document:
    return {half.counter: 1 for half in HALVES.values()} | STATE_FIELDS | own_fields(kind)


def _vote(found: Mapping[str, Any] | None) -> Vote | None:
    held = (found or {}).get("vote")
    return None if held is None else Vote(held)
