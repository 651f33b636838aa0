"""Maintain targets with many votes: move their votes, publish their totals, compact their votes.

Each process has two threads for it, because a migration may take a minute, and totals are published several times a
second. No answer waits for them, and no count depends on them: work that a killed process leaves undone is found
(``Compaction.uncompacted``) and done by another.
"""

from bson import ObjectId

from likes_api.mongodb.documents import Database
from likes_api.repository.votes.maintenance.duty import Duty
from likes_api.repository.votes.maintenance.migrations import Migrations
from likes_api.repository.votes.maintenance.publishing import Publishing
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target

__all__ = ["Maintenance"]


class Maintenance:
    """Maintain moved targets, and move those that outgrow their document.

    :param overflow_at: how many voters a document may hold before its votes are moved; 0: they never are.
    :param qa_overflow_at: the same for questions and messages, the host's documents; by default what holds for ours.

    The threads start with the first call, in the process that serves, or by :meth:`start`.
    """

    def __init__(
        self, database: Database, finder: TargetFinder, overflow_at: int, qa_overflow_at: int | None = None
    ) -> None:
        self._publishing = Publishing(database)
        self._migrations = Migrations(
            database, finder, overflow_at, overflow_at if qa_overflow_at is None else qa_overflow_at
        )
        self._publish = Duty("publish", self._publishing.round)
        self._migrate = Duty("migrate", self._migrations.round)

    def start(self) -> None:
        """Start the threads that do not run. A process that has just started does what others left undone."""
        self._publish.start()
        self._migrate.start()

    def stop(self) -> None:
        """End the threads, after their present step."""
        self._publish.stop()
        self._migrate.stop()

    def voted(self, id_: ObjectId, pending: int) -> None:
        """Record a vote on a moved target, or a read of its count."""
        self._publish.start()
        if self._publishing.voted(id_, pending):
            self._publish.wake()

    def counted(self, target: Target, voters: int) -> None:
        """Record how many voters a target's arrays hold, by its counters; when they are too many, it is moved soon."""
        if self._migrations.counted(target, voters):
            self._migrate.start()
            self._migrate.wake()

    def unnamed(self, id_: ObjectId) -> None:
        """Record a set that its target's document does not name; one of an earlier document of ours is deleted."""
        self._migrations.unnamed(id_)
        self._migrate.start()
        self._migrate.wake()
