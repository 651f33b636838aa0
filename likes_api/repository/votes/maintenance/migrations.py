"""Move the votes of targets that outgrow their document, one target after the other; delete what earlier ones left."""

import logging
import time
from threading import Lock

from bson import ObjectId

from likes_api import metrics
from likes_api.mongodb import timeouts
from likes_api.mongodb.capabilities import has_transactions
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import HOST_OWNED, TargetFinder
from likes_api.repository.votes.vote_fields import MANY_VOTERS
from likes_api.votes import Target, TargetKind, TargetNotFound

_REMEMBERED = 10_000

_logger = logging.getLogger(__name__)


class Migrations:
    """Keep the list of targets to be moved, and move them.

    :param overflow_at: how many voters a document of ours may hold; 0: any number.
    :param qa_overflow_at: the same for questions and messages.
    """

    def __init__(self, database: Database, finder: TargetFinder, overflow_at: int, qa_overflow_at: int) -> None:
        self._database = database
        self._overflow_at = {kind: qa_overflow_at if kind in HOST_OWNED else overflow_at for kind in TargetKind}
        self._migration = Migration(database, finder)
        # Other threads add votes while this one reads.
        self._lock = Lock()
        self._outgrown: dict[Target, float] = {}  # and when to try
        # By how much a count may be higher than the voters that were found, before they are counted again.
        self._surplus: dict[Target, int] = {}
        self._unnamed: set[ObjectId] = set()
        self._replicated: bool | None = None

    def counted(self, target: Target, voters: int) -> bool:
        """Record how many voters a target's arrays hold, by its counters; return whether there is work now."""
        limit = self._overflow_at[target.kind] or MANY_VOTERS
        if voters - self._surplus.get(target, 0) <= limit or target in self._outgrown:
            return False
        with self._lock:
            if len(self._outgrown) >= _REMEMBERED:
                return False  # the next vote asks again
            self._outgrown.setdefault(target, 0.0)
            if len(self._surplus) >= _REMEMBERED:
                self._surplus.clear()
            self._surplus[target] = voters
        return True

    def unnamed(self, id_: ObjectId) -> None:
        """Record a set that its target's document does not name."""
        with self._lock:
            if len(self._unnamed) < _REMEMBERED:
                self._unnamed.add(id_)

    def round(self) -> float:
        """Move the targets that are due, delete sets of earlier documents; return the seconds until the next."""
        with self._lock:
            unnamed, self._unnamed = self._unnamed, set()
        for id_ in unnamed:
            self._migration.discard_left(id_)
        while (target := self._next()) is not None:
            self._move(target)
            metrics.note_maintenance_round("migrate")
        with self._lock:
            due = min(self._outgrown.values(), default=time.monotonic() + timeouts.MAINTENANCE_IDLE_SECONDS)
        return max(0.0, due - time.monotonic())

    def _next(self) -> Target | None:
        with self._lock:
            due = (target for target, due in self._outgrown.items() if due <= time.monotonic())
            return next(due, None)

    def _move(self, target: Target) -> None:
        # Whatever the result, the others are next.
        with self._lock:
            self._outgrown[target] = time.monotonic() + timeouts.RETRY_MIGRATION_SECONDS
        try:
            again = not (self._is_within(target) or self._migration.move(target))
        except TargetNotFound:
            again = False
        # Another process may be at it, or votes came too fast. Where not, it is asked for again by the next vote.
        if not again:
            with self._lock:
                self._outgrown.pop(target, None)

    def _is_within(self, target: Target) -> bool:
        """Whether a target's votes stay in its document; its counters may show more than its arrays hold."""
        limit, voters = self._overflow_at[target.kind], self._migration.voters(target)
        if limit and not self._has_transactions():
            self._overflow_at = dict.fromkeys(TargetKind, 0)
            limit = 0
        with self._lock:
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
