"""The heart: conditional updates on the documented fields, and the counts that update returns.

A target's document carries ``upvotes``, ``downvotes`` (integers) and ``likedBy``, ``dislikedBy`` (arrays of strings),
as the Q&A document ("Database Storage") has it. A vote is one ``findAndModify`` on that document. MongoDB applies
it atomically, so counter and array move together, and a driver's retry of it is applied once (retryable writes).

A target that outgrows its document is moved out of it: its votes are then cast in ``vote_documents.py``.

Why an add by operators and a pipeline for all else, and not a chain of add, remove and switch: ``docs/decisions/0002``.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.mongodb.instrumented import is_taking_part
from likes_api.repository.votes import array_votes
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.single_flight import SingleFlight
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.repository.votes.vote_documents import OverflowVotes
from likes_api.votes import Change, Tally, Target, TargetKind, TargetNotFound, Vote

__all__ = ["COLLECTIONS", "HOST_OWNED", "VoteRepository"]

# A target is sealed for some milliseconds. A seal that is older is broken: the process that made it is gone or slow.
_SEAL_SECONDS = 0.4
_SEAL_POLL_SECONDS = 0.004
_REMEMBERED = 10_000


class VoteRepository:
    """Keep votes on targets, for all contracts.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.
    :param maintenance: moves targets that outgrow their document, and looks after those that did. Without one, none is
        moved; votes on moved targets are counted all the same.

    Every method may raise :class:`likes_api.repository.StoreError`.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id", maintenance: Maintenance | None = None) -> None:
        self._database = database
        self._finder = TargetFinder(qa_id_field)
        self._overflow = OverflowVotes(database)
        self._maintenance = maintenance
        self._shared: SingleFlight[Tally | None] = SingleFlight()
        # Which targets are moved saves a round trip. They do not move back; should a host delete one and make it
        # anew, the count that follows the vote tells, and the vote is cast again.
        self._moved: dict[Target, ObjectId] = {}

    def toggle(self, target: Target, voter: str, vote: Vote) -> Tally:
        """Add ``vote``, take it back where it stands already, or switch from the other one.

        One round trip for a voter's first vote on the target, which most votes are: a conditional update. Two for
        taking back and switching, and where there is no such target: an update that decides by itself, so that calls
        of one voter may interleave as they like. On a moved target two: the vote and the count.

        :raises TargetNotFound: there is no such target.
        """
        if target not in self._moved and (added := self._add(target, voter, vote)):
            return added
        change = Change(vote, toggles=True)
        return self._vote(target, voter, change, {}, partial(array_votes.toggle, voter, vote))[0]

    def set(self, target: Target, voter: str, vote: Vote) -> tuple[Tally, bool]:
        """Make ``vote`` the voter's vote; tell the tally and whether that changed anything.

        One round trip where it changes something. Otherwise the filter matched nothing, and a second one, a read,
        tells "voted so already" from "no such target". On a moved target always two.

        :raises TargetNotFound: there is no such target.
        """
        mine = "likedBy" if vote is Vote.UP else "dislikedBy"
        update = partial(array_votes.put, voter, vote)
        return self._vote(target, voter, Change(vote), {mine: {"$ne": voter}}, update)

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
        return self._vote(target, voter, change, {"$or": voted}, partial(array_votes.put, voter, None))

    def tally(self, target: Target, voter: str | None = None) -> Tally:
        """Read a target's counts, and ``voter``'s own vote, in one round trip.

        Two where this process learns that the target is moved.

        :raises TargetNotFound: there is no such target.
        """
        id_ = self._moved.get(target)
        if id_ is not None and (counted := self._count(target, id_, voter)):
            return counted
        for tally in self.tallies(target.kind, [target.id], voter).values():
            return tally
        raise TargetNotFound(target)

    def tallies(self, kind: TargetKind, ids: Iterable[str], voter: str | None = None) -> dict[str, Tally]:
        """Read many targets of one kind in one round trip; ids that do not exist are left out.

        An aggregation, because the voter's place in the arrays is worked out by the server: the arrays stay there.
        A second one where this process learns that some are moved: it counts those, all together.
        """
        targets = {key: Target(kind, id_) for id_ in ids for key in self._finder.keys(kind, id_)}
        known = {self._moved[target] for target in targets.values() if target in self._moved}
        tallies: dict[str, Tally] = {}
        late: dict[Any, ObjectId] = {}
        for found in self._read(kind, list(targets), known, voter):
            target, id_ = targets[found["key"]], _moved_to(found)
            if id_ is None or id_ in known:
                tallies[target.id] = _tally(found)
            else:
                late[found["key"]] = self._remember(target, id_)
        # Should one be deleted, made anew and moved between the two, it shows its totals, a second old at most.
        if late:
            for found in self._read(kind, list(late), set(late.values()), voter):
                tallies[targets[found["key"]].id] = _tally(found)
        return tallies

    def _vote(
        self, target: Target, voter: str, change: Change, condition: Document, update: Callable[[], list[Document]]
    ) -> tuple[Tally, bool]:
        """Vote where the target's votes are.

        :param condition: what the arrays must be like for the vote to change anything.
        :param update: makes the update of the arrays; targets that are known to be moved do without.
        """
        sealed_since: dict[ObjectId, float] = {}
        while True:
            id_ = self._moved.get(target)
            if id_ is None:
                found = self._update(target, voter, condition, update())
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
            own = change.after(before)
            if counted := self._count(target, id_):
                return replace(counted, own=own), own is not before

    def _add(self, target: Target, voter: str, vote: Vote) -> Tally | None:
        """Add the vote of somebody who has none in the target's document; ``None`` where that cannot be said."""
        condition, update = array_votes.without_vote(voter), array_votes.add(voter, vote)
        found = self._find_and_update(target, condition, update, {"upvotes": 1, "downvotes": 1})
        if found is None:
            return None
        # Expressions in the projection cost the server a twentieth of a vote. The counts do for the arrays' lengths;
        # where they are wrong, the next vote that is taken back or switched has the lengths.
        if self._maintenance is not None:
            self._maintenance.counted(target, found["upvotes"] + found["downvotes"])
        return _tally(found | {"liked": vote is Vote.UP, "downvoted": vote is Vote.DOWN})

    def _update(self, target: Target, voter: str, condition: Document, update: list[Document]) -> Document | None:
        """Vote in the target's document, unless it is frozen; return what came of it, or ``None`` if it missed.

        :raises TargetNotFound: there is no such target, and no condition either that it may have missed.
        """
        found = self._find_and_update(target, condition, update, array_votes.tally_fields(voter))
        if found is None and not condition:
            raise TargetNotFound(target)
        if found is None:
            return None
        if "liked" not in found:
            # The answer to the driver's retry of an update that had been applied is the whole document: the server
            # keeps that to answer with, and leaves out the projection (MongoDB 6.0.5).
            found |= array_votes.projected(found, voter)
        if self._maintenance is not None:
            self._maintenance.counted(target, found["voters"])
        return found

    def _find_and_update(
        self, target: Target, condition: Document, update: Document | list[Document], fields: Document
    ) -> Document | None:
        return self._collection(target.kind).find_one_and_update(
            self._finder.filter(target) | condition,
            update,
            projection=fields | _own_fields(target.kind),
            return_document=ReturnDocument.AFTER,
        )

    def _count(self, target: Target, id_: ObjectId, voter: str | None = None) -> Tally | None:
        """Count one moved target's votes; ``None``, and forget the set, if it is the target's no more.

        Votes of several threads on one target share their counts, which are read after all of them.
        """
        if voter is not None or is_taking_part():
            return self._count_alone(target, id_, voter)
        return self._shared.read(id_, partial(self._count_alone, target, id_))

    def _count_alone(self, target: Target, id_: ObjectId, voter: str | None = None) -> Tally | None:
        match, targets = self._finder.filter(target), self._collection(target.kind)
        found = self._overflow.read_one(targets, match, _own_fields(target.kind), id_, voter)
        if found is None:
            self._moved.pop(target, None)
            return None
        if self._maintenance is not None:
            self._maintenance.voted(id_, found["open"])
        return _tally(found)

    def _read(
        self, kind: TargetKind, keys: list[str | ObjectId], sets: AbstractSet[ObjectId], voter: str | None = None
    ) -> list[Document]:
        field = self._finder.id_field(kind)
        fields = {"key": f"${field}", **_fields(kind, voter)}
        read = self._overflow.read(self._collection(kind), {field: {"$in": keys}}, fields, sets, voter)
        if self._maintenance is not None:
            for found in read:
                if "open" in found:
                    self._maintenance.voted(found[OVERFLOW]["id"], found["open"])
        return read

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
        return collections.get(self._database, COLLECTIONS[kind])


def _fields(kind: TargetKind, voter: str | None) -> Document:
    return array_votes.tally_fields(voter) | _own_fields(kind)


def _own_fields(kind: TargetKind) -> Document:
    # Only an entry's boost is ours; in a host's documents a field of that name may mean anything.
    return {"boost": 1} if kind is TargetKind.ENTRY else {}


def _moved_to(found: Document) -> ObjectId | None:
    state = found.get(OVERFLOW) or {}
    return state["id"] if state.get("form") == Form.MOVED else None


def _tally(found: Mapping[str, Any]) -> Tally:
    own = Vote.UP if found["liked"] else Vote.DOWN if found["downvoted"] else None
    return Tally(max(0, int(found["upvotes"])), max(0, int(found["downvotes"])), own, int(found.get("boost") or 0))
