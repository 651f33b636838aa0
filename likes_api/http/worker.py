"""gunicorn's threaded worker, but one whose threads are all busy leaves new connections to the other workers.

The workers share one listening socket. gunicorn's own gthread accepts whatever it can, so the worker that wakes first
takes a whole burst of connections and, as they are kept alive, serves them alone while the others idle: of 32
connections to 2 workers we saw one worker do all the work (``docs/decisions/0004``).
"""

from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker


class BalancedThreadWorker(ThreadWorker):
    """Accept only while a thread is free to serve. All of this runs on the worker's main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_hand = 0

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Take up accepting again only with a free thread; the worker's loop asks each time round."""
        super().set_accept_enabled(bool(enabled) and self._in_hand < self.cfg.threads)

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to the threads; stop accepting with the last free one."""
        self._in_hand += 1
        super().enqueue_req(conn)
        if self._in_hand >= self.cfg.threads:
            super().set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Count a thread as free again."""
        self._in_hand -= 1
        super().finish_request(conn, fs)
