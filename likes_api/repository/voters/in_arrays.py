"""A voter's votes in the arrays of targets' documents: read all of them, or hand over some at a time."""

import time
from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes import array_fields
from likes_api.repository.votes.array_fields import HALVES, OVERFLOW, Form
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_fields import milliseconds_ago
from likes_api.votes import Change, Target, TargetKind, Vote

# Documents that one command changes: some tens of milliseconds where each has a thousand voters.
BATCH = 200
# Documents that one step of a scan reads, where no index leads to a voter.
SCANNED = 2_000
_READ = 1_000


class VotesInArrays:
    """Find and change a voter's votes in arrays."""

    def __init__(self, database: Database, finder: TargetFinder) -> None:
        self._database = database
        self._finder = finder

    def read(self, kind: TargetKind, voter: str) -> Iterator[tuple[Target, Vote]]:
        """Yield the votes on targets of a kind; without an index, after a scan of the whole collection."""
        field = self._finder.id_field(kind)
        liked = {"$or": [_in(HALVES[Vote.UP].array, each) for each in array_fields.spellings(voter)]}
        fields = {"_id": 0, "key": f"${field}", "liked": liked}
        counted = {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}
        held = array_fields.holding(voter) | counted
        for found in self._targets(kind).find(held, fields, batch_size=_READ, collation=SIMPLE):
            # Nobody can vote on, or ask for, a target whose id is of another type.
            if isinstance(found.get("key"), str | ObjectId):
                yield Target(kind, str(found["key"])), Vote.UP if found["liked"] else Vote.DOWN

    def hand_over_all(self, kind: TargetKind, voter: str, into: str | None) -> Iterator[int]:
        """Hand over, or take back, the votes that an index finds; yield the number of each step."""
        futile: list[Any] = []
        while True:
            held = array_fields.holding(voter) | {"_id": {"$nin": futile}}
            found = self._targets(kind).find(held, {"_id": 1}, limit=BATCH, batch_size=BATCH, collation=SIMPLE)
            keys = [each["_id"] for each in found]
            if not keys:
                return
            done = self._hand_over(kind, keys, voter, into)
            # What stands in the arrays of a moved target, by a fault, counts nowhere and stays.
            futile += keys if not done else []
            yield done
            if done == len(keys) < BATCH:
                return

    def hand_over_some(self, kind: TargetKind, voter: str, into: str | None, begin: Document) -> tuple[int, Document]:
        """Do it with the votes on some targets, read one by one in the order of ``_id``.

        :param begin: where the step before has ended; empty for the first one.
        :returns: the number, and where this step has ended; empty after the last one.
        """
        # By the collection's own collation, as the index on `_id` has no other; it may find too many, never too few.
        targets, from_here = self._targets(kind), {"min": begin, "hint": "_id_"} if begin else {}
        scan = {"sort": {"_id": 1}} | from_here
        end: Document = next(iter(targets.find({}, {"_id": 1}, skip=SCANNED, limit=1, **scan)), {})
        to_here = {"max": end, "hint": "_id_"} if end else {}
        found = [each["_id"] for each in targets.find(array_fields.holding(voter), {"_id": 1}, **(scan | to_here))]
        batches = [found[start : start + BATCH] for start in range(0, len(found), BATCH)]
        return sum(self._hand_over(kind, keys, voter, into) for keys in batches), end

    def _hand_over(self, kind: TargetKind, keys: list[Any], voter: str, into: str | None) -> int:
        """Change the votes on some targets, each document atomically, and wait for those that are locked."""
        _, update = array_fields.cast(voter, Change(None)) if into is None else array_fields.hand_over(voter, into)
        held = array_fields.holding(voter) | {"_id": {"$in": keys}}
        locked = held | {f"{OVERFLOW}.form": Form.LOCKED.value}
        targets, done, begin = self._targets(kind), 0, time.monotonic()
        while True:
            changed = targets.update_many(held, update, collation=SIMPLE)
            done += changed.modified_count
            if changed.modified_count == changed.matched_count or not targets.count_documents(
                locked, limit=1, collation=SIMPLE
            ):
                return done
            time.sleep(timeouts.LOCKED_POLL_SECONDS)
            if time.monotonic() - begin > timeouts.LOCKED_SECONDS:
                lasting = {"$expr": {"$lt": [f"${OVERFLOW}.since", milliseconds_ago(timeouts.LOCKED_SECONDS)]}}
                targets.update_many(locked | lasting, {"$unset": {OVERFLOW: ""}}, collation=SIMPLE)

    def _targets(self, kind: TargetKind) -> Collection:
        return collections.get(self._database, COLLECTIONS[kind])


def _in(array: str, value: str | ObjectId) -> Document:
    return {"$in": [{"$literal": value}, {"$cond": [{"$isArray": f"${array}"}, f"${array}", []]}]}
