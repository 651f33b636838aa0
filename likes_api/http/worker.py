"""gunicorn's threaded worker, but slow clients cost it no thread, and one that is busy leaves connections to others.

Three things that gunicorn's own gthread (27.0.1) does otherwise, see ``docs/decisions/0004`` and ``0013``:

* Its threads wait for a request's bytes, without an end. Here the main loop gathers them, within a deadline.
* It accepts whatever it can, so of a burst of connections the worker that wakes first serves all.
* It waits for the other side to close in its main loop, up to 2 s for each connection, and its error pages are HTML.
"""

import socket
import struct
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from typing import Any, cast

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from likes_api.http import arrival, refusal
from likes_api.http.received import Received

# From the first byte of a request, or the connection's begin, to its last. A browser on a bad mobile network makes it.
REQUEST_SECONDS = 10.0
# How long a worker without a free thread leaves new connections to the others: long enough for a worker with one to be
# first, short enough that nobody waits long, unseen by any deadline, in the kernel's queue where all are busy.
RELUCTANT_SECONDS = 0.05
# How long a closed connection may go on sending what nobody reads: closed outright, its client could lose the answer
# (RFC 9112, 9.6). At the end, connections without a whole request get no longer either.
LINGER_SECONDS = 2.0
# A client that does not take its answer gives its thread back after this.
_SEND_SECONDS = 5
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BalancedThreadWorker(ThreadWorker):
    """Hand whole requests to the threads. All but ``handle`` and ``handle_error`` runs on the worker's main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_hand = 0
        self._full_since = 0.0
        self._stopped = False
        self._leaving: deque[TConn] = deque()

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Accept with a free thread or after a while without; the worker's loop asks each time round."""
        super().set_accept_enabled(bool(enabled) and not self._is_reluctant())
        if not self.alive and not self._stopped:
            self._stopped = True
            self._stop_listening()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wake up in time to accept again, and to say goodbye to those who linger."""
        if self._in_hand >= self.cfg.threads or self._leaving:
            timeout = min(timeout or 0.0, RELUCTANT_SECONDS)
        super().wait_for_and_dispatch_events(timeout)

    def enqueue_req(self, conn: TConn) -> None:
        """Take a connection that is new, or may have sent something: to the threads, or back to the poller."""
        received = _received(conn)
        if not self._receive(conn, received):
            self._drop(conn)
        elif received.is_whole():
            self._hand_over(conn)
        else:
            self._continue(conn, received)
            conn.timeout = monotonic() + REQUEST_SECONDS
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Read on; the deadline stays what it was, so a byte now and then gains a client nothing."""
        received = _received(conn)
        alive = self._receive(conn, received)
        if alive and not received.is_whole():
            self._continue(conn, received)
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        if alive:
            self._hand_over(conn)
        else:
            self._drop(conn)

    def handle(self, conn: TConn) -> bool:
        """Serve a request in a thread; tell whether the connection may carry another."""
        received = _received(conn)
        arrival.note(received.whole_at)
        if received.head_is_too_large:
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders("the head is too large"))
            return False
        return super().handle(conn) and not received.cut

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer in JSON what gunicorn answers in HTML; log no address and nothing that the client sent."""
        with suppress(OSError):
            client.sendall(refusal.answer(exc, self.log))

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Count a thread as free again; keep the connection, or let it linger."""
        self._in_hand -= 1
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._close_slowly(conn)

    def murder_pending(self) -> None:
        """Close connections whose request is not whole in time, and those that have lingered long enough."""
        super().murder_pending()
        now = monotonic()
        while self._leaving and (self._leaving[0].timeout or 0.0) <= now:
            conn = self._leaving.popleft()
            self.poller.unregister(conn.sock)
            self._drop(conn)

    def _is_reluctant(self) -> bool:
        return self._in_hand >= self.cfg.threads and monotonic() - self._full_since < RELUCTANT_SECONDS

    def _hand_over(self, conn: TConn) -> None:
        self._in_hand += 1
        super().enqueue_req(conn)
        if self._in_hand == self.cfg.threads:
            self._full_since = monotonic()
            super().set_accept_enabled(False)

    def _receive(self, conn: TConn, received: Received) -> bool:
        """Take what has come, without waiting; tell whether the client is still there."""
        conn.sock.setblocking(False)
        try:
            data = conn.sock.recv(65_536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        received.add(data)
        return bool(data)

    def _continue(self, conn: TConn, received: Received) -> None:
        if received.expects_continue:
            received.expects_continue = False
            with suppress(OSError):
                conn.sock.send(_CONTINUE)

    def _stop_listening(self) -> None:
        """Take in who has connected already, then refuse others at once rather than when we are gone."""
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout or 0.0, monotonic() + LINGER_SECONDS)

    def _close_slowly(self, conn: TConn) -> None:
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone
            self._drop(conn)
            return
        conn.timeout = monotonic() + LINGER_SECONDS
        self._leaving.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))

    def _discard(self, conn: TConn, client: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionError):
            if client.recv(65_536):
                return
        self.poller.unregister(client)
        self._leaving.remove(conn)
        self._drop(conn)

    def _drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def _received(conn: TConn) -> Received:
    """Return what the connection's client has sent, and make a new connection ready for it."""
    if conn.parser is None:
        conn.init()
        _parser(conn).unreader = Received()
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
    return cast(Received, _parser(conn).unreader)


def _parser(conn: TConn) -> RequestParser:
    return cast(RequestParser, conn.parser)  # not one of HTTP/2 or uWSGI, which our configuration leaves off
