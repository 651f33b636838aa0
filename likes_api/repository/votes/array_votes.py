"""Votes in the documented form: conditional updates on ``likedBy``, ``dislikedBy`` and their counters.

MongoDB applies each update to a document atomically, so counter and array move together, and a driver's retry of it is
applied once (retryable writes). A vote that is alone is one ``findAndModify``; votes that meet go together, as a bulk
write of conditional updates and one read of the counts. Why so: ``docs/decisions/0002``.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.documents import Collection, Database, Document, Session
from likes_api.mongodb.instrumented import current_request_id
from likes_api.repository.batching.group_commit import GroupCommit
from likes_api.repository.rules import NO_RULES, Rules
from likes_api.repository.votes import array_fields
from likes_api.repository.votes.array_fields import HALVES, OVERFLOW, Form
from likes_api.repository.votes.cast import Cast, Moved, own_fields
from likes_api.repository.votes.lists.voter_page import VoterPage, page_of_array
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.votes import Change, Tally, Target, TargetKind, TargetNotFound, Vote

# Votes in one command; an 8 KB document and its update are a few milliseconds of the server for so many.
MOST = 64

R = TypeVar("R")
Step = tuple[Document, Document | list[Document]]


class _Attempt(NamedTuple):
    """One conditional update of a batch, which may make a change, and the vote that it leaves."""

    target: Target
    voter: str
    change: Change
    own: Vote | None
    step: Step
    request_id: str | None


class _Locked(NamedTuple):
    """The target's votes wait for a migration to end."""

    id: ObjectId


class ArrayVotes:
    """Cast and count votes in the arrays of targets' documents.

    :param maintenance: is notified of the number of voters that a document holds.
    """

    def __init__(self, database: Database, finder: TargetFinder, maintenance: Maintenance | None) -> None:
        self._database = database
        self._finder = finder
        self._maintenance = maintenance
        self._batches = {kind: self._group_commit(kind) for kind in TargetKind}

    def cast(self, target: Target, voter: str, change: Change, session: Session | None = None) -> Cast | Moved:
        """Change one voter's vote.

        Alone, a first vote by toggle and any change by set or clear is one round trip; taking back and switching by
        toggle, and a change that changes nothing, two. In a batch, two for all of it, as often as a vote is not what it
        was taken for: a first vote, then one that is taken back, then one that is switched.

        :param session: a transaction to be part of; never in a batch.
        :raises TargetNotFound: there is no such target.
        """
        if session is None:
            for attempt in self._attempts(target, voter, change):
                if (cast := self._batches[target.kind].submit(attempt)) is not None:
                    return cast
        return self._decide(target, voter, change, session)

    def tally(self, target: Target, voter: str | None, session: Session | None = None) -> Tally | Moved:
        """Read a target's counts, and the voter's own vote, in one round trip.

        :raises TargetNotFound: there is no such target.
        """
        for found, _ in self.read(target.kind, [target.id], voter, NO_RULES, session).values():
            return found
        raise TargetNotFound(target)

    def tallies(self, kind: TargetKind, ids: Iterable[str], voter: str | None) -> dict[str, Tally | Moved]:
        """Read many targets in one round trip; ids that do not exist are left out."""
        return {id_: found for id_, (found, _) in self.read(kind, ids, voter, NO_RULES).items()}

    def read(
        self, kind: TargetKind, ids: Iterable[str], voter: str | None, rules: Rules[R], session: Session | None = None
    ) -> dict[str, tuple[Tally | Moved, R]]:
        """Read many targets with their rules in one round trip; ids that do not exist are left out.

        An aggregation, because the voter's place in the arrays is worked out by the server: the arrays stay there.
        """
        id_of = {key: id_ for id_ in ids for key in self._finder.keys(kind, id_)}
        field = self._finder.id_field(kind)
        fields = {"_id": 0, "key": f"${field}", **array_fields.tally_fields(voter), **own_fields(kind), **rules.fields}
        pipeline: list[Document] = [{"$match": {field: {"$in": list(id_of)}}}, *rules.stages, {"$project": fields}]
        # Room for all in the first batch, which has 101 by default: a second one would be a second round trip.
        rows = self._collection(kind).aggregate(pipeline, batchSize=len(id_of) + 1, collation=SIMPLE, session=session)
        with rows:
            return {id_of[row["key"]]: (_moved(row) or _tally(row), rules.read(row)) for row in rows}

    def likers(self, target: Target, own: str, offset: int, limit: int) -> list[str] | Moved:
        """List those who like a target: ``own`` first if among them, then the others, oldest like first.

        One round trip, of which only the stretch comes back: the server cuts the array. New likes go to its end, so a
        stretch stays what it is while others like.

        :raises TargetNotFound: there is no such target.
        """
        fields = {"_id": 0, "ids": array_fields.stretch(own, offset, limit), **array_fields.STATE_FIELDS}
        pipeline: list[Document] = [{"$match": self._finder.filter(target)}, {"$project": fields}]
        with self._collection(target.kind).aggregate(pipeline, collation=SIMPLE) as rows:
            found = next(rows, None)
        if found is None:
            raise TargetNotFound(target)
        ids: list[str] = found["ids"]
        return _moved(found) or ids

    def voters(self, target: Target, vote: Vote, after: str | None, limit: int) -> VoterPage | Moved:
        """List those who cast a vote, in the order of their ids, behind ``after``. One round trip; the server cuts.

        :raises TargetNotFound: there is no such target.
        """
        page = page_of_array(HALVES[vote].array, after, limit)
        fields = {"_id": 0, **page, "total": array_fields.count(HALVES[vote]), **array_fields.STATE_FIELDS}
        pipeline: list[Document] = [{"$match": self._finder.filter(target)}, {"$project": fields}]
        with self._collection(target.kind).aggregate(pipeline, collation=SIMPLE) as rows:
            found = next(rows, None)
        if found is None:
            raise TargetNotFound(target)
        return _moved(found) or VoterPage(tuple(sorted(found["ids"])), found["guests"], int(found["total"]))

    # -- By guess, in batches

    def _attempts(self, target: Target, voter: str, change: Change) -> Iterable[_Attempt]:
        """Return the updates to try for a change, the likeliest first; each is built when it is asked for."""
        request_id = current_request_id()
        if change.vote is not None:
            first = array_fields.add(voter, change.vote)
            yield _Attempt(target, voter, change, change.vote, first, request_id)
        for vote in Vote:
            if vote is change.vote if change.toggles else change.vote is None and change.only in (None, vote):
                yield _Attempt(target, voter, change, None, array_fields.take_back(voter, vote), request_id)
        if change.vote is not None:
            switch = array_fields.switch(voter, change.vote)
            yield _Attempt(target, voter, change, change.vote, switch, request_id)

    def _group_commit(self, kind: TargetKind) -> GroupCommit[_Attempt, Cast | Moved | None]:
        return GroupCommit(self._try, lambda attempts: self._try_all(kind, attempts), most=MOST)

    def _try(self, attempt: _Attempt) -> Cast | Moved | None:
        """Make one change by itself; ``None`` where that takes more than a round trip.

        By toggle most votes are somebody's first, so it adds; an update that decides costs the server a fifth more.
        """
        if attempt.own is not attempt.change.vote or not attempt.change.toggles:
            outcome = self._decide_once(attempt.target, attempt.voter, attempt.change, None)
            return None if isinstance(outcome, _Locked) else outcome
        condition, update = attempt.step
        # Expressions in the projection cost the server a twentieth of a vote, so the counters come as they are.
        found = self._find_and_update(attempt.target, condition, update, {half.counter: 1 for half in HALVES.values()})
        return None if found is None else self._counted(attempt, found)

    def _try_all(self, kind: TargetKind, attempts: Sequence[_Attempt]) -> list[Cast | Moved | None]:
        """Try several updates, and read the counts that they leave: two round trips. ``None`` for each that missed.

        Another failure, such as of a document that is full, counts as a miss too; the deciding update then raises it
        for that vote alone.
        """
        updates = [
            UpdateOne(
                self._finder.filter(each.target) | each.step[0],
                array_fields.failing_on_insert(each.step[1]),
                upsert=True,
                collation=SIMPLE,
            )
            for each in attempts
        ]
        comment = " ".join(each.request_id for each in attempts if each.request_id)
        targets, missed = self._collection(kind), set()
        try:
            targets.bulk_write(updates, ordered=False, comment=comment)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise
            missed = {each["index"] for each in error.details["writeErrors"]}
        hit = {each.target for index, each in enumerate(attempts) if index not in missed}
        counts = self._counts(kind, hit, comment) if hit else {}
        return [
            self._counted(each, counts.get(each.target)) if index not in missed else None
            for index, each in enumerate(attempts)
        ]

    def _counts(self, kind: TargetKind, targets: Iterable[Target], comment: str) -> dict[Target, Document]:
        keys = {key: target for target in targets for key in self._finder.keys(kind, target.id)}
        field = self._finder.id_field(kind)
        fields = {field: 1, "upvotes": 1, "downvotes": 1, **array_fields.STATE_FIELDS, **own_fields(kind)}
        found = self._collection(kind).find(
            {field: {"$in": list(keys)}}, fields, batch_size=len(keys) + 1, collation=SIMPLE, comment=comment
        )
        with found:
            return {keys[each[field]]: each for each in found}

    def _counted(self, attempt: _Attempt, found: Document | None) -> Cast:
        """Return the result of an attempt, with the counters as they stand in the document."""
        upvotes, downvotes = (array_fields.whole((found or {}).get(half.counter)) for half in HALVES.values())
        if found is None or upvotes is None or downvotes is None or array_fields.state_of(found):
            # Between the update and the read a host has deleted or overwritten the document, or its votes move.
            return Cast(attempt.own, changed=True)
        if self._maintenance is not None:
            self._maintenance.counted(attempt.target, upvotes + downvotes)
        return Cast(attempt.own, changed=True, tally=Tally(upvotes, downvotes, attempt.own, _boost(found)))

    # -- By an update that decides

    def _decide(self, target: Target, voter: str, change: Change, session: Session | None) -> Cast | Moved:
        """Change a vote whatever stands in the document; wait while its votes are about to move."""
        locked_since: dict[ObjectId, float] = {}
        while isinstance(outcome := self._decide_once(target, voter, change, session), _Locked):
            self._wait(target, outcome.id, locked_since)
        return outcome

    def _decide_once(
        self, target: Target, voter: str, change: Change, session: Session | None
    ) -> Cast | Moved | _Locked:
        """Change a vote by an update that works out on the server what the change comes to."""
        condition, update = array_fields.cast(voter, change)
        found = self._find_and_update(target, condition, update, array_fields.tally_fields(voter), session)
        if found is None and not condition:
            raise TargetNotFound(target)
        if found is None:
            tally = self.tally(target, voter, session)
            return tally if isinstance(tally, Moved) else Cast(tally.own, changed=False, tally=tally)
        if "liked" not in found:
            # The answer to the driver's retry of an update that had been applied is the whole document: the server
            # keeps that to answer with, and leaves out the projection (MongoDB 6.0.5).
            found |= array_fields.projected(found, voter)
        state = array_fields.state_of(found)
        if state is not None and state[0] is Form.LOCKED:
            return _Locked(state[1])
        if moved := _moved(found):
            return moved
        if self._maintenance is not None:
            self._maintenance.counted(target, found["voters"])
        tally = _tally(found)
        return Cast(tally.own, changed=True, tally=tally)

    def _wait(self, target: Target, id_: ObjectId, since: dict[ObjectId, float]) -> None:
        """Wait a moment for a locked target; remove a lock that lasts, and so abandon the migration."""
        now = time.monotonic()
        if now - since.setdefault(id_, now) < timeouts.LOCKED_SECONDS:
            time.sleep(timeouts.LOCKED_POLL_SECONDS)
            return
        lock = {f"{OVERFLOW}.id": id_, f"{OVERFLOW}.form": Form.LOCKED.value}
        self._collection(target.kind).update_one(
            self._finder.filter(target) | lock, {"$unset": {OVERFLOW: ""}}, collation=SIMPLE
        )

    def _find_and_update(
        self,
        target: Target,
        condition: Document,
        update: Document | list[Document],
        fields: Document,
        session: Session | None = None,
    ) -> Document | None:
        return self._collection(target.kind).find_one_and_update(
            self._finder.filter(target) | condition,
            update,
            projection=fields | own_fields(target.kind),
            return_document=ReturnDocument.AFTER,
            collation=SIMPLE,
            session=session,
        )

    def _collection(self, kind: TargetKind) -> Collection:
        return collections.get(self._database, COLLECTIONS[kind])


def _moved(found: Mapping[str, Any]) -> Moved | None:
    state = array_fields.state_of(found)
    return Moved(state[1]) if state is not None and state[0] is Form.MOVED else None


def _tally(found: Mapping[str, Any]) -> Tally:
    own = Vote.UP if found["liked"] else Vote.DOWN if found["downvoted"] else None
    upvotes, downvotes = (array_fields.whole(found[half.counter]) or 0 for half in HALVES.values())
    return Tally(upvotes, downvotes, own, _boost(found))


def _boost(found: Mapping[str, Any]) -> int:
    return array_fields.whole(found.get("boost")) or 0
