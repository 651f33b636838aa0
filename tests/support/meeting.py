"""Have calls meet in one batch, whatever the machine makes of their threads."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from likes_api.repository.batching.group_commit import GroupCommit
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import TargetKind

SECONDS = 30.0
Work = Callable[[], Any]


class Meeting:
    """Hold back a first call until all others have gathered behind it."""

    def __init__(self, group: GroupCommit[Any, Any]) -> None:
        self._group = group
        self._begun, self._goes_on = Event(), Event()
        self._goes_on.set()
        native = self._group._alone

        def held(attempt: Any) -> Any:
            self._begun.set()
            assert self._goes_on.wait(SECONDS)
            return native(attempt)

        self._group._alone = held

    def run(self, first: Work, *others: Work) -> list[Future[Any]]:
        """Run the first alone, and the others together after it; return what becomes of each, in order."""
        self._begun.clear()
        self._goes_on.clear()
        with ThreadPoolExecutor(len(others) + 1) as pool:
            futures = [pool.submit(first)]
            assert self._begun.wait(SECONDS)
            end = time.monotonic() + SECONDS
            for number, work in enumerate(others, start=1):
                futures.append(pool.submit(work))
                while len(self._group._gathered) < number:
                    assert time.monotonic() < end
                    time.sleep(0.001)
            self._goes_on.set()
        return futures


def of_votes(votes: VoteRepository) -> Meeting:
    """Have votes on questions meet."""
    return Meeting(votes._arrays._batches[TargetKind.QUESTION])
