"""The heart: one conditional update per vote on the documented fields, and the counts that update returns.

A target's document carries ``upvotes``, ``downvotes`` (integers) and ``likedBy``, ``dislikedBy`` (arrays of strings),
as the Q&A document ("Database Storage") has it. A vote is a single ``findAndModify`` on that document. MongoDB applies
it atomically, so counter and array move together, and a driver's retry of it is applied once (retryable writes).

A target that outgrows its document is moved out of it: its votes are then cast in ``overflow.py``.

Why one pipeline update and not a chain of add, remove and switch updates: see ``docs/decisions/0002``.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from likes_api.repository import update_pipeline
from likes_api.repository.documents import Collection, Database, Document
from likes_api.repository.overflow import Count, OverflowVotes
from likes_api.repository.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.repository.update_pipeline import OVERFLOW, Form
from likes_api.repository.upkeep import Upkeep
from likes_api.votes import Change, Tally, Target, TargetKind, TargetNotFound, Vote

__all__ = ["COLLECTIONS", "HOST_OWNED", "VoteRepository"]

# A target is sealed for some milliseconds. A seal that is older is broken: the process that made it is gone or slow.
_SEAL_SECONDS = 0.4
_SEAL_POLL_SECONDS = 0.004
_REMEMBERED = 10_000


class VoteRepository:
    """Keep votes on targets, for all contracts.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.
    :param upkeep: who moves targets that outgrow their document, and looks after those that did. Without one, none is
        moved; votes on moved targets are counted all the same.

    Every method may raise :class:`likes_api.repository.StoreError`.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id", upkeep: Upkeep | None = None) -> None:
        self._database = database
        self._finder = TargetFinder(qa_id_field)
        self._overflow = OverflowVotes(database)
        self._upkeep = upkeep
        # Which targets are moved saves a round trip. They do not move back; should a host delete one and make it
        # anew, the count that follows the vote tells, and the vote is cast again.
        self._moved: dict[Target, ObjectId] = {}

    def toggle(self, target: Target, voter: str, vote: Vote) -> Tally:
        """Add ``vote``, take it back where it stands already, or switch from the other one.

        One round trip, whatever the state: the update itself decides. On a moved target two: the vote and the count.

        :raises TargetNotFound: there is no such target.
        """
        change = Change(vote, toggles=True)
        return self._vote(target, voter, change, {}, update_pipeline.toggle(voter, vote))[0]

    def set(self, target: Target, voter: str, vote: Vote) -> tuple[Tally, bool]:
        """Make ``vote`` the voter's vote; tell the tally and whether that changed anything.

        One round trip where it changes something. Otherwise the filter matched nothing, and a second one, a read,
        tells "voted so already" from "no such target". On a moved target always two.

        :raises TargetNotFound: there is no such target.
        """
        mine = "likedBy" if vote is Vote.UP else "dislikedBy"
        return self._vote(target, voter, Change(vote), {mine: {"$ne": voter}}, update_pipeline.put(voter, vote))

    def clear(self, target: Target, voter: str, only: Vote | None = None) -> tuple[Tally, bool]:
        """Take back whatever the voter voted; tell the tally and whether that changed anything.

        Round trips as for :meth:`set`.

        :param only: take back this vote alone; the other one stays.
        :raises TargetNotFound: there is no such target.
        """
        arrays = {Vote.UP: "likedBy", Vote.DOWN: "dislikedBy"}
        voted: list[Document] = [{array: voter} for vote, array in arrays.items() if only in (None, vote)]
        voted.append({f"{OVERFLOW}.form": {"$in": [Form.SEALED.value, Form.MOVED.value]}})
        change = Change(None, only=only)
        return self._vote(target, voter, change, {"$or": voted}, update_pipeline.put(voter, None))

    def tally(self, target: Target, voter: str | None = None) -> Tally:
        """Read a target's counts, and ``voter``'s own vote, in one round trip.

        Two where this process learns that the target is moved.

        :raises TargetNotFound: there is no such target.
        """
        if id_ := self._moved.get(target):
            counts = self._count(target.kind, {id_: self._finder.keys(target.kind, target.id)}, voter)
            if id_ in counts:
                return _tally_of(target.kind, counts[id_])
            self._moved.pop(target, None)
        for tally in self.tallies(target.kind, [target.id], voter).values():
            return tally
        raise TargetNotFound(target)

    def tallies(self, kind: TargetKind, ids: Iterable[str], voter: str | None = None) -> dict[str, Tally]:
        """Read many targets of one kind in one round trip; ids that do not exist are left out.

        An aggregation, because the voter's place in the arrays is worked out by the server: the arrays stay there.
        A second round trip counts those that are moved, all together.
        """
        field = self._finder.id_field(kind)
        keys = {key: id_ for id_ in ids for key in self._finder.keys(kind, id_)}
        pipeline = [
            {"$match": {field: {"$in": list(keys)}}},
            {"$project": {"_id": 0, "key": f"${field}", **_fields(kind, voter)}},
        ]
        tallies: dict[str, Tally] = {}
        moved: dict[ObjectId, str] = {}
        # Room for all in the first batch (of 101 by default), and for one more, or the server would not know the end.
        for found in self._collection(kind).aggregate(pipeline, batchSize=len(keys) + 1):
            tallies[keys[found["key"]]] = _tally(found)
            if id_ := _moved_to(found):
                moved[id_] = keys[found["key"]]
        if moved:
            sets = {id_: self._finder.keys(kind, key) for id_, key in moved.items()}
            counts = self._count(kind, sets, voter)
            tallies |= {moved[id_]: _tally_of(kind, count) for id_, count in counts.items()}
        return tallies

    def _vote(
        self, target: Target, voter: str, change: Change, condition: Document, pipeline: list[Document]
    ) -> tuple[Tally, bool]:
        sealed_since: dict[ObjectId, float] = {}
        while True:
            id_ = self._moved.get(target)
            if id_ is None:
                found = self._update(target, voter, condition, pipeline)
                if found is None:
                    return self.tally(target, voter), False
                state = found.get(OVERFLOW) or {}
                if state.get("form") == Form.SEALED:
                    self._wait(target, state["id"], sealed_since)
                    continue
                if state.get("form") != Form.MOVED:
                    return _tally(found), True
                id_ = self._remember(target, state["id"])
            before = self._overflow.cast(id_, voter, change)
            count = self._count(target.kind, {id_: self._finder.keys(target.kind, target.id)}).get(id_)
            if count is not None:
                own = change.after(before)
                return _tally_of(target.kind, count, own), own is not before
            self._moved.pop(target, None)

    def _update(self, target: Target, voter: str, condition: Document, pipeline: list[Document]) -> Document | None:
        """Vote in the target's document, unless it is frozen; return what came of it, or ``None`` if it missed.

        :raises TargetNotFound: there is no such target, and no condition either that it may have missed.
        """
        found = self._collection(target.kind).find_one_and_update(
            self._finder.filter(target) | condition,
            pipeline,
            projection=_fields(target.kind, voter),
            return_document=ReturnDocument.AFTER,
        )
        if found is None and not condition:
            raise TargetNotFound(target)
        if found is not None and self._upkeep is not None:
            self._upkeep.counted(target, found["voters"])
        return found

    def _count(
        self, kind: TargetKind, sets: Mapping[ObjectId, list[Any]], voter: str | None = None
    ) -> dict[ObjectId, Count]:
        counts = self._overflow.count(COLLECTIONS[kind], self._finder.id_field(kind), sets, voter)
        if self._upkeep is not None:
            for id_, count in counts.items():
                self._upkeep.voted(id_, count.open)
        return counts

    def _wait(self, target: Target, id_: ObjectId, since: dict[ObjectId, float]) -> None:
        """Wait a little for a sealed target; break a seal that lasts, and the move with it."""
        now = time.monotonic()
        if now - since.setdefault(id_, now) < _SEAL_SECONDS:
            time.sleep(_SEAL_POLL_SECONDS)
            return
        seal = {f"{OVERFLOW}.id": id_, f"{OVERFLOW}.form": Form.SEALED.value}
        self._collection(target.kind).update_one(self._finder.filter(target) | seal, {"$unset": {OVERFLOW: ""}})

    def _remember(self, target: Target, id_: ObjectId) -> ObjectId:
        if len(self._moved) >= _REMEMBERED:
            self._moved.clear()
        self._moved[target] = id_
        return id_

    def _collection(self, kind: TargetKind) -> Collection:
        return self._database[COLLECTIONS[kind]]


def _fields(kind: TargetKind, voter: str | None) -> Document:
    # Only an entry's boost is ours; in a host's documents a field of that name may mean anything.
    return update_pipeline.tally_fields(voter) | ({"boost": 1} if kind is TargetKind.ENTRY else {})


def _moved_to(found: Document) -> ObjectId | None:
    state = found.get(OVERFLOW) or {}
    return state["id"] if state.get("form") == Form.MOVED else None


def _tally(found: Mapping[str, Any]) -> Tally:
    own = Vote.UP if found["liked"] else Vote.DOWN if found["downvoted"] else None
    return Tally(max(0, int(found["upvotes"])), max(0, int(found["downvotes"])), own, int(found.get("boost") or 0))


def _tally_of(kind: TargetKind, count: Count, own: Vote | None = None) -> Tally:
    boost = count.document.get("boost") if kind is TargetKind.ENTRY else None
    return Tally(count.upvotes, count.downvotes, own or count.own, int(boost or 0))
