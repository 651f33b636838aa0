"""Find votes that break the invariant of ``CONTRACTS.md``, in both forms, while people vote.

The server counts, whatever types a host has put into the fields, and returns a row of numbers for each target.
``repair.py`` repairs what is found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bson import CodecOptions, ObjectId
from bson.codec_options import DatetimeConversion

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.consistency.summary import count_moved, summary
from likes_api.repository.votes.consistency.vote_sets import SetState, state_of
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, SIMPLE
from likes_api.repository.votes.vote_document_fields import votes_of
from likes_api.repository.votes.vote_fields import HALVES, MANY_VOTERS
from likes_api.votes import TargetKind, Vote

# An id of a host's may be a date that Python has no value for, or text that is not valid.
_ANY_ID: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="backslashreplace",
)


class FaultKind(StrEnum):
    """The kinds of fault that a target's votes can have."""

    ELEMENTS = "an array holds something else than voters"
    TWICE = "a voter stands twice"
    BOTH = "a voter stands in both arrays"
    COUNTER = "a counter disagrees with the votes"
    OVERFLOW = "likesOverflow is not what this application writes"
    HALF_MOVED = "the votes are moved by half"
    NO_VOTE = "a vote is neither up nor down"
    UNNAMED = "a target does not name its votes"
    LEFT = "votes of an earlier document, or of a move that was cut off"
    NO_TARGET = "votes without a target"
    DOUBTFUL = "votes of an earlier document of this id, or of one whose counters were set"
    LARGE = "many voters in one document"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, found in the document ``key`` of a collection.

    :param id: the set of votes of a moved target.
    :param half: the votes concerned.
    :param votes: the number of votes that a repair would delete, which it does only when given that number.
    """

    kind: FaultKind
    collection: str
    key: Any
    what: str
    id: ObjectId | None = None
    half: Vote | None = None
    votes: int = 0

    def __str__(self) -> str:
        # An id is a host's, and may hold line breaks and other control characters.
        line = f"{self.collection} {self.key}: {self.what}"
        return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in line)

    @property
    def is_warning(self) -> bool:
        """Whether no target's votes are wrong."""
        return self.kind in (FaultKind.LARGE, FaultKind.DOUBTFUL)


class Verifier:
    """Check all targets and all votes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._register = collections.get(database, collections.MOVED)

    def check(self) -> Iterator[list[Fault]]:
        """Yield the faults of each target, and of each set of votes."""
        # Sets first: a document that does not name its set is recognised by a counter, which is a fault of its own.
        for entry in self._register.find():
            yield self.check_entry(entry)
        for kind, collection in COLLECTIONS.items():
            for row in self._targets(collection).aggregate([{"$replaceWith": summary()}], collation=SIMPLE):
                yield self.check_target(kind, row)
        # With the index, the server reads one key for each set, not for each vote.
        for row in self._votes.aggregate([{"$group": {"_id": "$_id.t"}}]):
            if self._register.find_one({"_id": row["_id"]}) is None and not self._is_named(row["_id"]):
                name, id_, what = collections.VOTES, row["_id"], "votes without a target"
                yield [self._without_target(FaultKind.NO_TARGET, name, id_, id_, what)]

    def check_again(self, faults: list[Fault]) -> list[Fault]:
        """Return the faults that are left in the one target, or set of votes, in which these were found."""
        if not faults:
            return []
        first = faults[0]
        left = []
        if first.kind in (FaultKind.UNNAMED, FaultKind.LEFT):
            left = [fault for entry in self._register.find({"_id": first.id}) for fault in self.check_entry(entry)]
        if first.kind is not FaultKind.LEFT:
            kind = next(kind for kind, name in COLLECTIONS.items() if name == first.collection)
            pipeline = [{"$match": {"_id": {"$eq": first.key}}}, {"$replaceWith": summary()}]
            for row in self._targets(first.collection).aggregate(pipeline, collation=SIMPLE):
                left += self.check_target(kind, row)
        return left

    def check_target(self, kind: TargetKind, row: Document) -> list[Fault]:
        """Return the faults of one document, by its numbers."""
        collection, key, id_ = COLLECTIONS[kind], row["_id"], row.get("id")
        if row["strange"]:
            return [Fault(FaultKind.OVERFLOW, collection, key, f"{OVERFLOW} is not what this application writes")]
        faults = []
        for half, name, _ in HALVES:
            if what := _strange_elements(name, row[name]):
                faults.append(Fault(FaultKind.ELEMENTS, collection, key, what, id_, half))
        if row.get("form") == Form.MOVED:
            return faults or self._check_moved(kind, row)
        if row["stale"]:
            faults.append(Fault(FaultKind.HALF_MOVED, collection, key, "a move was cut off", id_))
        return faults + _check_arrays(kind, row)

    def _check_moved(self, kind: TargetKind, row: Document) -> list[Fault]:
        collection, key, id_ = COLLECTIONS[kind], row["_id"], row["id"]
        faults = []
        if held := sum(row[name]["size"] for _, name, _ in HALVES):
            what = f"the votes are moved, but the arrays hold {held} voters"
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
            shown = row[counter] if isinstance(row[counter], str) else numbers.total[half]
            drifted = _drifted(kind, counter, shown, f"there are {numbers.votes[half]} votes", numbers.votes[half])
            if drifted is not None:
                faults.append(Fault(FaultKind.COUNTER, collection, key, drifted, id_, half))
        return faults

    def check_entry(self, entry: Document) -> list[Fault]:
        """Return the faults of a set of votes, by the document that the register names."""
        id_, collection, key = entry["_id"], entry["collection"], entry["target"]
        if id_.generation_time > _past() and not entry.get("moved"):
            return []
        match state_of(self._database, entry):
            case SetState.NAMED:
                return []
            case SetState.UNNAMED:
                votes = self._votes.count_documents({"_id.t": id_, "vote": {"$ne": None}})
                what = f"it does not name its {votes} votes, as if it had been written back without {OVERFLOW}"
                return [Fault(FaultKind.UNNAMED, collection, key, what, id_)]
            case SetState.LEFT:
                what = "votes of an earlier document of this id, or of a move that was cut off"
                return [Fault(FaultKind.LEFT, collection, key, what, id_)]
            case SetState.DOUBTFUL:
                what = "votes of an earlier document of this id; or its counters were set to what its arrays hold"
                return [self._without_target(FaultKind.DOUBTFUL, collection, key, id_, what)]
            case SetState.GONE:
                return [self._without_target(FaultKind.NO_TARGET, collection, key, id_, "votes without a target")]

    def _without_target(self, kind: FaultKind, collection: str, key: Any, id_: ObjectId, what: str) -> Fault:
        votes = self._votes.count_documents({"_id.t": id_})
        return Fault(kind, collection, key, f"{votes} {what}", id_, votes=votes)

    def _is_named(self, id_: ObjectId) -> bool:
        # A scan, but only for sets that are not in the register, which is a fault whatever the result.
        named = {f"{OVERFLOW}.id": id_}
        return any(self._targets(each).find_one(named, {"_id": 1}) for each in COLLECTIONS.values())

    def _targets(self, collection: str) -> Collection:
        return collections.get(self._database, collection, codec_options=_ANY_ID)


def _check_arrays(kind: TargetKind, row: Document) -> list[Fault]:
    collection, key = COLLECTIONS[kind], row["_id"]
    faults = []
    for half, name, counter in HALVES:
        voters, different = row[name]["voters"], row[name]["different"]
        if different < voters:
            faults.append(Fault(FaultKind.TWICE, collection, key, f"a voter stands twice in {name}", half=half))
        what = _drifted(kind, counter, row[counter], f"{name} holds {different} voters", different)
        if what is not None:
            faults.append(Fault(FaultKind.COUNTER, collection, key, what, half=half))
    if row["both"]:
        faults.append(Fault(FaultKind.BOTH, collection, key, f"{row['both']} voters stand in both arrays"))
    total = sum(row[name]["size"] for _, name, _ in HALVES)
    if total > MANY_VOTERS:
        what = f"its arrays hold {total} voters, and its document ends at 16 MB"
        faults.append(Fault(FaultKind.LARGE, collection, key, what))
    return faults


def _strange_elements(name: str, found: Document) -> str | None:
    if found["type"] not in ("array", "missing", "null", "undefined"):
        return f"{name} is no array ({found['type']})"
    strange = found["size"] - found["strings"]
    return f"{name} holds {strange} elements that are no strings" if strange else None


def _drifted(kind: TargetKind, counter: str, shown: int | str, held: str, voters: int) -> str | None:
    """Return the fault of a counter: no number, lower than its voters or, but for a host's surplus, higher."""
    if isinstance(shown, str):
        return f"{counter} is no count ({shown}), {held}"
    if shown < voters or (kind not in HOST_OWNED and shown > voters):
        return f"{counter} is {shown}, {held}"
    return None


def _past() -> datetime:
    """Return the latest start of a migration that must be over."""
    return datetime.now(UTC) - 2 * timeouts.STALE_MIGRATION
