"""What targets with many votes need besides votes: to be moved, their totals published, their votes compacted.

Two threads for each process, because a move may take a minute, and totals are published several times a second. No
answer waits for them, and no count depends on them: whatever they leave undone because their process was killed, the
next process finds (``Compaction.uncompacted``) and does.
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
    """Look after moved targets, and move those that outgrow their document.

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
        """Start the threads that do not run. A process that has just started looks after what others left."""
        self._publish.start()
        self._migrate.start()

    def stop(self) -> None:
        """End the threads, after the step in hand."""
        self._publish.stop()
        self._migrate.stop()

    def voted(self, id_: ObjectId, pending: int) -> None:
        """Note a vote on a moved target, or a look at its count."""
        self._publish.start()
        if self._publishing.voted(id_, pending):
            self._publish.wake()

    def counted(self, target: Target, voters: int) -> None:
        """Note how many voters a target's arrays hold, by its counters; when they are too many, it is moved soon."""
        if self._migrations.counted(target, voters):
            self._migrate.start()
            self._migrate.wake()

    def unnamed(self, id_: ObjectId) -> None:
        """Note a set that its target's document does not name; of an earlier document of ours, it is deleted."""
        self._migrations.unnamed(id_)
        self._migrate.start()
        self._migrate.wake()
