"""Work in a process of its own, which kills itself during or after its n-th command.

``killed.py URI DATABASE N during|after WORK`` prints the names of the commands that it sent, so that a test knows how
many there are. WORK is ``move``, ``compact``, ``erase`` or ``merge``.
"""

import os
import signal
import sys
from threading import Timer

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.repository import StoreError
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters import in_arrays, in_documents
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind

DURING_SECONDS = 0.001
LEAVER, HEIR = "leaver-x", "heir"
QUESTION = Target(TargetKind.QUESTION, "popular")


class Assassin(CommandListener):
    """Kill the process at the n-th command: a moment after it was sent, or when it is answered."""

    def __init__(self, number: int, when: str) -> None:
        self.number, self.when = number, when
        self.timer: Timer | None = None

    def wait(self) -> None:
        """Let it strike, if it is about to: the work may be done before."""
        if self.timer is not None:
            self.timer.join()

    def started(self, event: CommandStartedEvent) -> None:
        print(event.command_name, flush=True)
        if self.number == 1 and self.when == "during":
            self.timer = Timer(DURING_SECONDS, strike)
            self.timer.start()

    def succeeded(self, event: CommandSucceededEvent | CommandFailedEvent) -> None:
        if self.number == 1 and self.when == "after":
            strike()
        self.number -= 1

    def failed(self, event: CommandFailedEvent) -> None:
        self.succeeded(event)


def strike() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(uri: str, name: str, number: int, when: str, work: str) -> None:
    assassin = Assassin(number, when)
    with connect(uri, event_listeners=[assassin]) as client:
        database = client[name]
        if work == "move":
            Migration(database, TargetFinder()).move(QUESTION)
        elif work in {"erase", "merge"}:
            leave(database, HEIR if work == "merge" else None)
        else:
            compaction = Compaction(database)
            for id_ in compaction.uncompacted():
                moved = compaction.find(id_)
                assert moved is not None
                compaction.publish(id_, moved)
                compaction.compact(id_, moved)
        assassin.wait()


def leave(database: Database, into: str | None) -> None:
    """Let the voter leave, or become another, in many small steps; go on where a killed one has left a transaction."""
    in_arrays.BATCH = in_documents.BATCH = 3
    # Nobody else is at it, so what a killed process holds need not be waited for as long.
    timeouts.VOTER_JOB_CLAIM_SECONDS = timeouts.ABANDONED_IDLE_SECONDS = 0.2
    timeouts.REQUEST_DATABASE_SECONDS = 0.5
    leaving = Leaving(database, AuditLog(database, 1, str.upper))
    lacking = leaving.lacking()
    while True:
        try:
            if into is None:
                leaving.erase(LEAVER, "t", lacking, 60.0)
            else:
                leaving.merge(LEAVER, into, "t", lacking, 60.0)
        except StoreError:
            continue
        return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
