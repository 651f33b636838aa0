"""Work in a process of its own, which kills itself during or after its n-th command.

``killed.py URI DATABASE N during|after move|compact`` prints the names of the commands that it sent, so that a test
knows how many there are.
"""

import os
import signal
import sys
from threading import Timer

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from likes_api.mongodb.client import connect
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind

DURING_SECONDS = 0.001
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

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if self.number == 1 and self.when == "after":
            strike()
        self.number -= 1

    def failed(self, event: CommandFailedEvent) -> None:
        self.number -= 1


def strike() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(uri: str, name: str, number: int, when: str, work: str) -> None:
    assassin = Assassin(number, when)
    with connect(uri, event_listeners=[assassin]) as client:
        database = client[name]
        if work == "move":
            Migration(database, TargetFinder()).move(QUESTION)
        else:
            compaction = Compaction(database)
            for id_ in compaction.uncompacted():
                moved = compaction.find(id_)
                assert moved is not None
                compaction.publish(id_, moved)
                compaction.compact(id_, moved)
        assassin.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
