"""Publish the totals of moved targets in their documents, compact their votes, and prune documents without a vote."""

import time
from collections.abc import Callable
from threading import Lock
from typing import ParamSpec

from bson import ObjectId
from pymongo.errors import ConnectionFailure, PyMongoError

from likes_api.mongodb import timeouts
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.maintenance.compaction import BATCH, Compaction, Moved

# To read as many pending votes takes the server a tenth of a millisecond; to compact them two, once.
CROWD = 64
_REMEMBERED = 10_000

P = ParamSpec("P")


class Publishing:
    """Keep the list of sets with many pending votes, and publish and compact all that have any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._compaction = Compaction(database)
        # Other threads add votes while this one reads.
        self._lock = Lock()
        self._crowded: set[ObjectId] = set()
        self._busy = False
        self._compacted: set[ObjectId] = set()
        self._known: dict[ObjectId, Moved] = {}
        self._gone: dict[ObjectId, float] = {}
        self._looked = 0.0
        self._next_sweep = 0.0

    def voted(self, id_: ObjectId, pending: int) -> bool:
        """Record a vote on a moved target, or a read of its count; return whether there is work at once."""
        self._busy = True
        if pending < CROWD:
            return False
        with self._lock:
            self._crowded.add(id_)
        return True

    def round(self) -> float:
        """Do what is due; return in how many seconds the next work is."""
        with self._lock:
            crowded, self._crowded = self._crowded, set()
        for id_ in crowded:
            # Those who voted while it was compacted last have seen the crowd that is gone.
            if self._compaction.is_crowded(id_, CROWD) and (moved := self._find(id_)):
                self._freeing(self._compact, id_, moved)
        if time.monotonic() >= self._next_sweep:
            busy, self._busy = self._busy, False
            pause = timeouts.PUBLISH_SECONDS if busy else timeouts.PUBLISH_IDLE_SECONDS
            self._next_sweep = time.monotonic() + pause
            self._tend_all(self._compaction.uncompacted())
            while self._compacted and not busy:
                self._compaction.prune(self._compacted.pop())
        return max(0.0, self._next_sweep - time.monotonic())

    def _tend_all(self, ids: list[ObjectId]) -> None:
        """Publish and compact each set; a failure of one does not stop the others."""
        failure: Exception | None = None
        for id_ in ids:
            try:
                self._freeing(self._tend, id_)
            except ConnectionFailure:
                raise
            except Exception as error:  # it is raised in the end
                failure = error
        if failure is not None:
            raise failure

    def _find(self, id_: ObjectId) -> Moved | None:
        if self._gone.get(id_, 0.0) > time.monotonic():
            return None
        if id_ not in self._known:
            moved = self._compaction.find(id_)
            if moved is None:
                return None
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[id_] = moved
        return self._known[id_]

    def _tend(self, id_: ObjectId) -> None:
        moved = self._find(id_)
        if moved is None:
            return
        with deadline(timeouts.PUBLISH_ONE_SECONDS):
            there = self._compaction.publish(id_, moved)
        if there:
            self._compact(id_, moved)
            return
        # The document is gone, or names the set no more: `likes-api verify` says what became of it.
        if len(self._gone) >= _REMEMBERED:
            self._gone.clear()
        self._gone[id_] = time.monotonic() + timeouts.GONE_TARGET_SECONDS

    def _compact(self, id_: ObjectId, moved: Moved) -> None:
        compacted: int | None = BATCH
        while compacted == BATCH:
            compacted = self._compaction.compact(id_, moved)
        if len(self._compacted) < _REMEMBERED:
            self._compacted.add(id_)
        if compacted is None:
            self._free()

    def _freeing(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            work(*args, **kwargs)
        except PyMongoError as error:
            if not error.timeout:
                raise
            self._free()

    def _free(self) -> None:
        """End the transaction that holds the documents, if it is abandoned; mostly its process lives."""
        if self._looked + timeouts.LOOK_FOR_ABANDONED_SECONDS < time.monotonic():
            self._looked = time.monotonic()
            abort_abandoned_transactions(self._database.client, idle=timeouts.ABANDONED_IDLE_SECONDS)
