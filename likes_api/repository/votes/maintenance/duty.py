"""A thread that repeats a task, whatever fails."""

import atexit
import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from pymongo.errors import PyMongoError

from likes_api import metrics
from likes_api.mongodb import timeouts
from likes_api.mongodb.failures import facts

_logger = logging.getLogger(__name__)


class Duty:
    """Repeat a task in rounds, until it is stopped.

    A round that fails is counted, logged and repeated, after a pause that grows with each failure. A thread that has
    ended all the same is started again by the next :meth:`start`. A metric has the time of the last successful round.

    :param work: does a round, and returns in how many seconds the next one is due.
    """

    def __init__(self, name: str, work: Callable[[], float]) -> None:
        self._name = name
        self._work = work
        self._lock = Lock()
        self._wake = Event()
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, if it does not run."""
        if self._is_running():
            return
        with self._lock:
            if not self._is_running() and not self._stopping.is_set():
                thread = Thread(target=self._run, name=f"likes-{self._name}", daemon=True)
                thread.start()
                self._thread = thread
                # A transaction that is cut off would hold its documents, so the process ends between two.
                atexit.unregister(self.stop)
                atexit.register(self.stop)

    def wake(self) -> None:
        """Start the next round at once."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread, after its present step."""
        atexit.unregister(self.stop)
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeouts.MAINTENANCE_STOP_SECONDS)

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        pause = timeouts.MAINTENANCE_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                due = self._work()
            except Exception as error:  # nobody would notice a thread that ended
                self._report(error)
                self._stopping.wait(pause)
                pause = min(2 * pause, timeouts.MAINTENANCE_LONGEST_PAUSE_SECONDS)
                continue
            pause = timeouts.MAINTENANCE_PAUSE_SECONDS
            metrics.note_maintenance_round(self._name)
            self._wake.wait(due)
            self._wake.clear()

    def _report(self, error: Exception) -> None:
        metrics.count_maintenance_failure(self._name)
        # A failure of the database is logged by its names: its message may hold values of documents.
        traceback = None if isinstance(error, PyMongoError) else error
        _logger.warning("maintenance of votes failed", extra={"duty": self._name} | facts(error), exc_info=traceback)
