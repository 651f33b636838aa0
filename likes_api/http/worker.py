"""gunicorn's threaded worker, but one whose threads are all busy leaves new connections to the other workers.

The workers share one listening socket. gunicorn's own gthread accepts whatever it can, so the worker that wakes first
takes a whole burst of connections and, as they are kept alive, serves them alone while the others idle: of 32
connections to 2 workers we saw one worker do all the work (``docs/decisions/0004``).
"""

from concurrent.futures import Future
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# How long a worker without a free thread holds back before it accepts all the same: long enough for a worker with one
# to be first, short enough that nobody waits for long where all are busy.
RELUCTANT_SECONDS = 0.05


class BalancedThreadWorker(ThreadWorker):
    """Accept with a free thread, or after a while without. All of this runs on the worker's main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_hand = 0
        self._full_since = 0.0

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Take up accepting again unless reluctant; the worker's loop asks each time round."""
        super().set_accept_enabled(bool(enabled) and not self._is_reluctant())

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wake up in time to accept again."""
        super().wait_for_and_dispatch_events(min(timeout or 0.0, RELUCTANT_SECONDS) if self._is_full() else timeout)

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to the threads; with the last free one begin to hold back."""
        self._in_hand += 1
        super().enqueue_req(conn)
        if self._in_hand == self.cfg.threads:
            self._full_since = monotonic()
            super().set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Count a thread as free again."""
        self._in_hand -= 1
        super().finish_request(conn, fs)

    def _is_full(self) -> bool:
        return bool(self._in_hand >= self.cfg.threads)

    def _is_reluctant(self) -> bool:
        return self._is_full() and monotonic() - self._full_since < RELUCTANT_SECONDS
