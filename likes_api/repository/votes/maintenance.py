"""What targets with many votes need besides votes: to be moved, to show their totals, to have their votes compacted.

One thread for each process. No answer waits for it, and no count depends on it: whatever it leaves undone because its
process was killed, the next process finds (``Compaction.uncompacted``) and does.
"""

import atexit
import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import ParamSpec

from bson import ObjectId
from pymongo.errors import PyMongoError

from likes_api import metrics
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.capabilities import has_transactions
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.compaction import BATCH, Compaction, Moved
from likes_api.repository.votes.migration import Migration
from likes_api.repository.votes.targets import HOST_OWNED, TargetFinder
from likes_api.repository.votes.vote_fields import MANY_VOTERS
from likes_api.votes import Target, TargetKind, TargetNotFound

# Hosts see totals that are at most a second old, so a round of this has to begin more often than that.
ROUND_SECONDS = 0.4
# While this process sees no votes on moved targets: only what another, killed one has left can be there.
IDLE_ROUND_SECONDS = 0.8
# To read as many open votes takes the server a tenth of a millisecond; to compact them two, once.
CROWD = 64
_RETRY_MOVE_SECONDS = 5.0
# After a failure: one may pass at once, but a database that is away is not asked all the time.
_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_GONE_SECONDS = 60.0
_REMEMBERED = 10_000
_SHOW_SECONDS = 1.0
_LOOK_SECONDS = 1.0
# A transaction of ours is open for milliseconds. One that idles for this long lost its process.
_LOST_SECONDS = 1.0
_STOP_SECONDS = 2.0

P = ParamSpec("P")

_logger = logging.getLogger(__name__)


class Maintenance:
    """Look after moved targets, and move those that outgrow their document.

    :param overflow_at: how many voters a document may hold before its votes are moved; 0: they never are.
    :param qa_overflow_at: the same for questions and messages, the host's documents; by default what holds for ours.

    The thread starts with the first call, in the process that serves, or by :meth:`start`.
    """

    def __init__(
        self, database: Database, finder: TargetFinder, overflow_at: int, qa_overflow_at: int | None = None
    ) -> None:
        self._database = database
        host = overflow_at if qa_overflow_at is None else qa_overflow_at
        self._overflow_at = {kind: host if kind in HOST_OWNED else overflow_at for kind in TargetKind}
        self._migration = Migration(database, finder)
        self._compaction = Compaction(database)
        self._lock = Lock()
        self._wake = Event()
        self._thread: Thread | None = None
        self._stopping = Event()
        self._outgrown: dict[Target, float] = {}  # and when to try
        # By how much a count may be higher than the voters that were found, before they are counted again.
        self._surplus: dict[Target, int] = {}
        self._crowded: set[ObjectId] = set()
        self._compacted: set[ObjectId] = set()
        self._known: dict[ObjectId, Moved] = {}
        self._looked = 0.0
        self._gone: dict[ObjectId, float] = {}
        self._next_sweep = 0.0
        self._busy = False
        self._replicated: bool | None = None

    def start(self) -> None:
        """Start the thread, if it does not run. A process that has just started looks after what others left."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="likes-maintenance", daemon=True)
                    self._thread.start()
                    # A transaction cut off in the middle would hold its documents; so the process ends between two.
                    atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread, after the step in hand."""
        atexit.unregister(self.stop)
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def voted(self, id_: ObjectId, open_votes: int) -> None:
        """Note a vote on a moved target, or a look at its count."""
        self.start()
        self._busy = True
        if open_votes >= CROWD:
            self._crowded.add(id_)
            self._wake.set()

    def counted(self, target: Target, voters: int) -> None:
        """Note how many voters a target's arrays hold, by its counters; when they are too many, it is moved soon."""
        limit = self._overflow_at[target.kind] or MANY_VOTERS
        if voters - self._surplus.get(target, 0) <= limit or target in self._outgrown:
            return
        with self._lock:
            self._outgrown.setdefault(target, 0.0)
            if len(self._surplus) >= _REMEMBERED:
                self._surplus.clear()
            self._surplus[target] = voters
        self.start()
        self._wake.set()

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._stopping.is_set():
            self._wake.wait(self._next_sweep - time.monotonic())
            self._wake.clear()
            try:
                self._round()
                pause = _PAUSE_SECONDS
            except PyMongoError:
                _logger.warning("maintenance of votes failed", exc_info=True)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _round(self) -> None:
        for target in [target for target, due in self._outgrown.items() if due <= time.monotonic()]:
            self._move(target)
        crowded, self._crowded = self._crowded, set()
        for id_ in crowded:
            # Those who voted while it was compacted last have seen the crowd that is gone.
            if self._compaction.is_crowded(id_, CROWD) and (moved := self._find(id_)):
                self._freeing(self._compact, id_, moved)
        if time.monotonic() >= self._next_sweep:
            busy, self._busy = self._busy, False
            self._next_sweep = time.monotonic() + (ROUND_SECONDS if busy else IDLE_ROUND_SECONDS)
            for id_ in self._compaction.uncompacted():
                self._freeing(self._tend, id_)
            while self._compacted and not busy:
                self._compaction.forget(self._compacted.pop())

    def _move(self, target: Target) -> None:
        try:
            again = not (self._is_within(target) or self._migration.move(target))
        except TargetNotFound:
            again = False
        with self._lock:
            # Another process may be at it, or votes came too fast; it is asked for again by the next vote.
            self._outgrown[target] = time.monotonic() + (_RETRY_MOVE_SECONDS if again else 0.0)
            if not again:
                del self._outgrown[target]

    def _is_within(self, target: Target) -> bool:
        """Whether a target's votes stay in its document; its counters may show more than its arrays hold."""
        limit, voters = self._overflow_at[target.kind], self._migration.voters(target)
        if limit and not self._has_transactions():
            self._overflow_at = dict.fromkeys(TargetKind, 0)
            limit = 0
        if limit and voters > limit:
            self._surplus.pop(target, None)
            return False
        # Noted with the count that was shown: from there on it is what the arrays take in that counts.
        self._surplus[target] = self._surplus.get(target, voters) - (0 if voters > MANY_VOTERS else voters)
        if not limit and voters > MANY_VOTERS:
            metrics.note_voters(target.kind, voters)
            _logger.warning(
                "a document holds many voters, and ends at 16 MB", extra={"target": str(target.kind), "voters": voters}
            )
        return True

    def _has_transactions(self) -> bool:
        if self._replicated is None:
            self._replicated = has_transactions(self._database)
            if not self._replicated:
                _logger.warning(
                    "this MongoDB is no replica set, so it has no transactions: votes stay in their targets' documents"
                )
        return self._replicated

    def _find(self, id_: ObjectId) -> Moved | None:
        if id_ not in self._known:
            moved = self._compaction.find(id_)
            if moved is None:
                return None
            self._known[id_] = moved
        return None if self._gone.get(id_, 0.0) > time.monotonic() else self._known[id_]

    def _tend(self, id_: ObjectId) -> None:
        moved = self._find(id_)
        if moved is None:
            return
        with deadline(_SHOW_SECONDS):
            there = self._compaction.show(id_, moved)
        if there:
            self._compact(id_, moved)
        else:
            # The document is gone, or names the set no more: `likes-api verify` says what became of it.
            self._gone[id_] = time.monotonic() + _GONE_SECONDS

    def _compact(self, id_: ObjectId, moved: Moved) -> None:
        compacted: int | None = BATCH
        while compacted == BATCH:
            compacted = self._compaction.compact(id_, moved)
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
        """Others hold what we want to write. Mostly they are alive, and do the same; look whether they are."""
        if self._looked + _LOOK_SECONDS < time.monotonic():
            self._looked = time.monotonic()
            abort_abandoned_transactions(self._database.client, idle=_LOST_SECONDS)
