"""Look for votes that break the invariant of ``CONTRACTS.md``, in both forms, while people vote.

The server does the counting; what comes here is a line of numbers for each target, one at a time. What a repair does is
in ``repair.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.migration import STALE
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED
from likes_api.repository.votes.vote_documents import votes_of
from likes_api.votes import TargetKind, Vote

HALVES = ((Vote.UP, "likedBy", "upvotes"), (Vote.DOWN, "dislikedBy", "downvotes"))


class FaultKind(StrEnum):
    """What can be wrong with a target's votes."""

    TWICE = "a voter stands twice"
    BOTH = "a voter stands in both arrays"
    COUNTER = "a counter disagrees with the votes"
    HALF_MOVED = "the votes are moved by half"
    NO_VOTE = "a vote is neither up nor down"
    NO_TARGET = "votes without a target"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, found in the document ``key`` of a collection.

    :param id: the set of votes of a moved target.
    :param half: which votes are concerned.
    """

    kind: FaultKind
    collection: str
    key: Any
    what: str
    id: ObjectId | None = None
    half: Vote | None = None

    def __str__(self) -> str:
        return f"{self.collection} {self.key}: {self.what}"


class Verifier:
    """Go through all targets and all votes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._register = collections.get(database, collections.MOVED)

    def check(self) -> Iterator[list[Fault]]:
        """Check everything: gives for each target, and each set of votes, what is wrong with it."""
        for kind, collection in COLLECTIONS.items():
            for row in self._targets(collection).aggregate([{"$project": _summary()}]):
                yield self.check_target(kind, row)
        for entry in self._register.find():
            yield self._check_entry(entry)
        # The index makes this a look at each set, not at each vote.
        for row in self._votes.aggregate([{"$group": {"_id": "$_id.t"}}]):
            if self._register.find_one({"_id": row["_id"]}) is None and not self._is_named(row["_id"]):
                what = "votes without a target"
                yield [Fault(FaultKind.NO_TARGET, collections.VOTES, row["_id"], what, row["_id"])]

    def check_again(self, faults: list[Fault]) -> list[Fault]:
        """Check again the one target, or set of votes, in which the faults were found."""
        if not faults:
            return []
        if faults[0].kind is FaultKind.NO_TARGET:
            return [each for each in faults if self._votes.find_one({"_id.t": each.id}, {"_id": 1})]
        kind = next(kind for kind, name in COLLECTIONS.items() if name == faults[0].collection)
        pipeline = [{"$match": {"_id": faults[0].key}}, {"$project": _summary()}]
        rows = self._targets(faults[0].collection).aggregate(pipeline)
        return [each for row in rows for each in self.check_target(kind, row)]

    def check_target(self, kind: TargetKind, row: Document) -> list[Fault]:
        """Judge the numbers of one document."""
        collection, key = COLLECTIONS[kind], row["_id"]
        state = row.get(OVERFLOW) or {}
        if state.get("form") == Form.MOVED:
            return self._check_moved(kind, row, state)
        faults = []
        for half, array, counter in HALVES:
            if row[f"{array}_different"] < row[array]:
                faults.append(Fault(FaultKind.TWICE, collection, key, f"a voter stands twice in {array}", half=half))
            if _drifted(kind, row[counter], row[f"{array}_different"]):
                what = f"{counter} is {row[counter]}, {array} holds {row[f'{array}_different']} voters"
                faults.append(Fault(FaultKind.COUNTER, collection, key, what, half=half))
        if row["both"]:
            faults.append(Fault(FaultKind.BOTH, collection, key, f"{row['both']} voters stand in both arrays"))
        if state and state.get("since", _past()) <= _past():
            faults.append(Fault(FaultKind.HALF_MOVED, collection, key, "a move was cut off", id=state.get("id")))
        return faults

    def _check_moved(self, kind: TargetKind, row: Document, state: Document) -> list[Fault]:
        collection, key, id_ = COLLECTIONS[kind], row["_id"], state["id"]
        faults = []
        if row["likedBy"] or row["dislikedBy"]:
            what = f"the votes are moved, but the arrays hold {row['likedBy'] + row['dislikedBy']} voters"
            faults.append(Fault(FaultKind.HALF_MOVED, collection, key, what, id_))
        if self._register.find_one({"_id": id_}) is None:
            faults.append(Fault(FaultKind.HALF_MOVED, collection, key, "the move is not in the register", id_))
        numbers = count_moved(self._database, collection, key, id_)
        if numbers is None:
            return []  # deleted while we looked
        if numbers.strange:
            what = f"{numbers.strange} votes are neither up nor down"
            faults.append(Fault(FaultKind.NO_VOTE, collection, key, what, id_))
        for half, _, counter in HALVES:
            if _drifted(kind, numbers.total[half], numbers.votes[half]):
                what = f"{counter} is {numbers.total[half]}, there are {numbers.votes[half]} votes"
                faults.append(Fault(FaultKind.COUNTER, collection, key, what, id_, half))
        return faults

    def _check_entry(self, entry: Document) -> list[Fault]:
        named = {"_id": entry["target"], f"{OVERFLOW}.id": entry["_id"]}
        if entry["_id"].generation_time > _past() or self._targets(entry["collection"]).find_one(named, {"_id": 1}):
            return []
        what = "votes without a target, of one that is gone, or of a move that was cut off"
        return [Fault(FaultKind.NO_TARGET, entry["collection"], entry["target"], what, entry["_id"])]

    def _targets(self, collection: str) -> Collection:
        return collections.get(self._database, collection)

    def _is_named(self, id_: ObjectId) -> bool:
        # A scan; but it is asked for sets alone that are in no register, which is a fault whatever the answer.
        named = {f"{OVERFLOW}.id": id_}
        return any(self._targets(each).find_one(named, {"_id": 1}) for each in COLLECTIONS.values())


@dataclass(frozen=True, slots=True)
class Numbers:
    """A moved target at one instant: the counts that are answered, the votes there are, and those that are neither."""

    total: dict[Vote, int]
    votes: dict[Vote, int]
    strange: int


def count_moved(database: Database, collection: str, key: Any, id_: ObjectId) -> Numbers | None:
    """Count all votes of a moved target, on an index: 0.5 s for each million. ``None`` if it is gone."""
    counter = {vote.value: {"$ifNull": [f"${name}", 0]} for vote, _, name in HALVES}
    ahead = {vote.value: {"$subtract": [counter[vote.value], f"${OVERFLOW}.{vote.value}"]} for vote in Vote}
    open_ = [
        {"$match": {"open": True, "_id.t": id_}},
        {"$group": {"_id": "total", **{vote.value: {"$sum": f"${vote.value}"} for vote in Vote}}},
    ]
    document = [{"$match": {"_id": key, f"{OVERFLOW}.id": id_}}, {"$project": {**ahead, "_id": "document"}}]
    pipeline: list[Document] = [
        {"$match": {"_id.t": id_}},
        {"$group": {"_id": "$vote", "votes": {"$sum": 1}}},
        {"$unionWith": {"coll": votes_of(database).name, "pipeline": open_}},
        {"$unionWith": {"coll": collections.name_in(database, collection), "pipeline": document}},
    ]
    votes = votes_of(database).with_options(read_concern=ReadConcern("snapshot"))
    total, held, strange, found = dict.fromkeys(Vote, 0), dict.fromkeys(Vote, 0), 0, False
    for row in votes.aggregate(pipeline):
        if "votes" not in row:
            found = found or row["_id"] == "document"
            for vote in Vote:
                total[vote] += int(row[vote.value])
        elif row["_id"] in list(Vote):
            held[Vote(row["_id"])] = row["votes"]
        elif row["_id"] is not None:
            strange += row["votes"]
    return Numbers(total, held, strange) if found else None


def _summary() -> Document:
    fields: Document = {f"{OVERFLOW}.{name}": 1 for name in ("id", "form", "since")}
    sets = {}
    for _, array, counter in HALVES:
        sets[array] = {"$cond": [{"$isArray": f"${array}"}, f"${array}", []]}
        fields[array] = {"$size": sets[array]}
        fields[f"{array}_different"] = {"$size": {"$setUnion": [sets[array], []]}}
        fields[counter] = {"$cond": [{"$isNumber": f"${counter}"}, f"${counter}", 0]}
    return fields | {"both": {"$size": {"$setIntersection": list(sets.values())}}}


def _drifted(kind: TargetKind, counter: int, voters: int) -> bool:
    """Tell whether a counter is wrong: lower than its voters, or, but for a host's surplus, higher."""
    return counter < voters or (kind not in HOST_OWNED and counter > voters)


def _past() -> datetime:
    """Tell the time at which a move began that must be over."""
    return datetime.now(UTC) - 2 * STALE
