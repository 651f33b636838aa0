"""Send calls that meet in one process to the database together.

A call that is alone goes at once, by itself. While one is under way, those that come gather, and go together when it is
over. The thread of one of them carries the batch; before it does, all threads that are ready have a turn, and what they
submit goes along. Databases commit their write-ahead logs in this way and call it group commit.
"""

import math
import time
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

from pymongo.errors import NetworkTimeout

from likes_api.mongodb.client import seconds_left

C = TypeVar("C")
R = TypeVar("R")


class _Ticket(Generic[C, R]):
    """A call that waits: for its result, or to run a batch that it is part of."""

    def __init__(self, call: C) -> None:
        self.call = call
        self.end = time.monotonic() + seconds_left()
        self.is_due = Event()
        self.is_carrier = False
        self.results: list[R] = []
        self.failure: BaseException | None = None

    def answer(self) -> R:
        """Return or raise the result of the call."""
        if self.failure is not None:
            raise self.failure
        return self.results[0]


class GroupCommit(Generic[C, R]):
    """Run calls in batches.

    :param alone: makes one call.
    :param together: makes several, and returns their results in order. What it raises is raised for all of them, so
        it must not raise for the fault of one.
    :param most: the largest batch.
    """

    def __init__(self, alone: Callable[[C], R], together: Callable[[Sequence[C]], Sequence[R]], *, most: int) -> None:
        self._alone = alone
        self._together = together
        self._most = most
        self._is_free = True
        self._lock = Lock()
        self._gathered: list[_Ticket[C, R]] = []

    def submit(self, call: C) -> R:
        """Make a call, alone or in a batch; return or raise its result.

        :raises pymongo.errors.NetworkTimeout: the caller's deadline passed. The call may have been made.
        """
        with self._lock:
            ticket: _Ticket[C, R] | None = None
            if self._is_free:
                self._is_free = False
            else:
                ticket = _Ticket(call)
                self._gathered.append(ticket)
        if ticket is None:
            try:
                return self._alone(call)
            finally:
                self._hand_over()
        if not ticket.is_due.wait(None if math.isinf(ticket.end) else max(0.0, ticket.end - time.monotonic())):
            self._withdraw(ticket)
        if ticket.is_carrier:
            self._carry(ticket)
        return ticket.answer()

    def _withdraw(self, ticket: _Ticket[C, R]) -> None:
        """Remove a waiting call, unless its turn has come this moment."""
        with self._lock:
            if ticket.is_carrier:
                return
            if ticket in self._gathered:
                self._gathered.remove(ticket)
        if not ticket.is_due.is_set():
            raise NetworkTimeout("the calls under way took too long")

    def _carry(self, carrier: _Ticket[C, R]) -> None:
        batch = [carrier]
        try:
            time.sleep(0)  # the turn of the others
            with self._lock:
                batch += self._gathered[: self._most - 1]
                del self._gathered[: len(batch) - 1]
            results = [self._alone(carrier.call)] if len(batch) == 1 else self._together([each.call for each in batch])
            for each, result in zip(batch, results, strict=True):
                each.results.append(result)
        except BaseException as failure:
            for each in batch:
                each.failure = failure
            raise
        finally:
            self._hand_over()
            for each in batch:
                each.is_due.set()

    def _hand_over(self) -> None:
        """Start the next batch, in the thread whose deadline is the latest, so that it shortens no call's time."""
        with self._lock:
            if not self._gathered:
                self._is_free = True
                return
            carrier = max(self._gathered, key=lambda each: each.end)
            self._gathered.remove(carrier)
            carrier.is_carrier = True
        carrier.is_due.set()
