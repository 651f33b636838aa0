"""gunicorn's threaded worker, but slow clients cost it no thread, and one that is busy leaves connections to others.

Four things that gunicorn's own gthread (27.0.1) does otherwise, see ``docs/decisions/0004`` and ``0013``:

* Its main loop hands each request to a thread, and takes the connection back. Here all threads wait at one ``epoll``,
  and the one that is woken reads, serves and puts the connection back by itself.
* Its threads wait for a request's bytes, without an end. Here a thread takes what has come and leaves the rest to the
  next wake-up, within a deadline.
* It accepts whatever it can, so of a burst of connections the worker that wakes first serves all.
* It waits for the other side to close in its main loop, up to 2 s for each connection, and its error pages are HTML.

A connection belongs to whoever took it out of ``_waiting``; ``EPOLLONESHOT`` wakes one thread for it, once.

Source: Linux manual, epoll(7).
"""

import os
import select
import socket
import struct
from collections import deque
from contextlib import suppress
from selectors import EVENT_READ
from threading import Thread
from time import monotonic, sleep
from typing import Any, cast

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from likes_api.server import error_pages, queue_time
from likes_api.server.request_buffer import Received

# From the first byte of a request, or the connection's begin, to its last. A browser on a bad mobile network makes it.
REQUEST_SECONDS = 10.0
# How long a worker without a free thread leaves new connections to the others: long enough for a worker with one to be
# first, short enough that nobody waits long, unseen by any deadline, in the kernel's queue where all are busy.
RELUCTANT_SECONDS = 0.05
# How long after a connection that asks nothing yet a worker leaves the next to the others, for as long as it takes them
# to wake up: who is awake would take all of a burst, and keep them.
COURTESY_SECONDS = 0.001
# How often the main loop looks round: how exactly it knows when a request came that found no free thread.
_ROUND_SECONDS = 0.05
# How long a closed connection may go on sending what nobody reads: closed outright, its client could lose the answer
# (RFC 9112, 9.6). At the end, connections without a whole request get no longer either.
LINGER_SECONDS = 2.0
# A client that does not take its answer gives its thread back after this.
_SEND_SECONDS = 5
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ONCE = select.EPOLLIN | select.EPOLLONESHOT


class BalancedThreadWorker(ThreadWorker):
    """Have the threads fetch requests for themselves; the main loop accepts, and closes what takes too long."""

    _accepting: bool  # gunicorn's

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Sets and dictionaries, because to add to one and to take from it is one step, whichever thread does it.
        self._open: set[TConn] = set()
        self._waiting: dict[int, TConn] = {}
        self._in_hand: set[TConn] = set()
        self._leaving: set[TConn] = set()
        self._full_since = 0.0
        super().__init__(*args, **kwargs)
        # gunicorn asks how many these are: where only as many more connections may come as there are threads, it closes
        # each with its answer, so that those who wait to connect have their turn.
        self.keepalived_conns = cast(deque[TConn], self._waiting)

    @property
    def nr_conns(self) -> int:
        """How many connections there are; gunicorn counts them by hand, on its one thread."""
        return len(self._open)

    @nr_conns.setter
    def nr_conns(self, _: int) -> None: ...

    def init_process(self) -> None:
        """Make what must not cross the fork, and run."""
        # As attributes: gunicorn looks each of twenty settings that a request needs up in two steps of Python.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        # Linux manual, sched(7): who wakes up in a batch process displaces nobody. Our threads would only displace each
        # other, all waiting for one lock, and the database that they wait for, out of the processor's caches.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        self._events = select.epoll()
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop; then refuse newcomers, and answer what has come."""
        self.poller.register(cast(int, self.method_queue.fileno()), EVENT_READ, self.method_queue.run_callbacks)
        for number in range(self.cfg.threads):
            Thread(target=self._serve, name=f"requests-{number}", daemon=True).start()
        while self.alive and self.is_parent_alive():
            self.set_accept_enabled(self.nr_conns < self.worker_connections and not self._is_reluctant())
            self._go_round()
        self.alive = False
        self._stop_listening()
        end = monotonic() + self.cfg.graceful_timeout
        while self._open and monotonic() < end:
            self._go_round()
        self.poller.close()
        self.method_queue.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, unless another worker had better do it."""
        if self._is_reluctant():
            self.set_accept_enabled(False)
        else:
            super().accept(listener)

    def enqueue_req(self, conn: TConn) -> None:
        """Have the threads wait for what a new connection sends. It occupies one from now on if that is there.

        If not, it is one of those that are opened in advance and kept: the next one is left to the other workers.
        """
        self._open.add(conn)
        _set_up(conn)
        conn.timeout = monotonic() + REQUEST_SECONDS
        asks = False
        with suppress(OSError):
            asks = bool(conn.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        if asks:
            self._take_in_hand(conn)
        self._waiting[conn.sock.fileno()] = conn
        self._events.register(conn.sock.fileno(), _ONCE)
        if not asks and self.alive and self.cfg.workers > 1:
            sleep(COURTESY_SECONDS)

    def handle(self, conn: TConn) -> bool:
        """Serve a request that is whole; tell whether the connection may carry another."""
        received = _received(conn)
        queue_time.note(received.whole_at)
        if received.head_is_too_large:
            self.handle_error(None, _client(conn).socket, conn.client, LimitRequestHeaders("the head is too large"))
            return False
        keep = super().handle(conn) and not received.cut
        try:
            _client(conn).flush()
        except OSError:  # it is gone, or does not take its answer
            return False
        return keep

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer in JSON what gunicorn answers in HTML; log no address and nothing that the client sent."""
        with suppress(OSError):
            client.sendall(error_pages.answer(exc, self.log))

    # -- What the threads do

    def _serve(self) -> None:
        while True:
            for descriptor, _ in self._events.poll(maxevents=1):
                if conn := self._waiting.pop(descriptor, None):
                    try:
                        self._attend(conn)
                    except Exception:
                        self.log.exception("connection dropped")
                        self._drop(conn)

    def _attend(self, conn: TConn) -> None:
        """Take what has come, without waiting, and answer the requests that are whole."""
        received = _received(conn)
        try:
            data = conn.sock.recv(65_536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":
            self._drop(conn)
            return
        if conn not in self._leaving:
            received.add(data or b"")
            while received.is_whole():
                if not self._answer(conn):
                    self._close_slowly(conn)
                    return
            self._in_hand.discard(conn)
            self._gather(conn, received)
        self._wait_for_more(conn)

    def _answer(self, conn: TConn) -> bool:
        self._take_in_hand(conn)
        try:
            return self.handle(conn)
        finally:
            self._in_hand.discard(conn)
            conn.timeout = monotonic() + (self.cfg.keepalive if self.alive else LINGER_SECONDS)
            if not self._accepting:
                self._wake()

    def _gather(self, conn: TConn, received: Received) -> None:
        """Begin the deadline of a request whose first bytes have come; a byte now and then gains a client nothing."""
        if received.begins():
            conn.timeout = monotonic() + REQUEST_SECONDS
        if received.expects_continue:
            received.expects_continue = False
            with suppress(OSError):
                conn.sock.send(_CONTINUE, socket.MSG_DONTWAIT)

    def _close_slowly(self, conn: TConn) -> None:
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone
            self._drop(conn)
            return
        conn.timeout = monotonic() + LINGER_SECONDS
        self._leaving.add(conn)
        self._wait_for_more(conn)

    def _wait_for_more(self, conn: TConn) -> None:
        descriptor = conn.sock.fileno()
        self._waiting[descriptor] = conn
        # At the end the main loop may have closed it by now.
        with suppress(OSError, ValueError):
            self._events.modify(descriptor, _ONCE)

    def _take_in_hand(self, conn: TConn) -> None:
        self._in_hand.add(conn)
        if len(self._in_hand) == self.cfg.threads:
            self._full_since = monotonic()

    def _drop(self, conn: TConn) -> None:
        for kept in (self._open, self._in_hand, self._leaving):
            kept.discard(conn)
        conn.close()
        if not self._accepting:
            self._wake()

    def _wake(self) -> None:
        self.method_queue.defer(lambda: None)

    # -- What the main loop does

    def _go_round(self) -> None:
        self.notify()
        self.wait_for_and_dispatch_events(_ROUND_SECONDS)
        if len(self._in_hand) >= self.cfg.threads:
            self._note_arrivals()
        self._close_overdue()

    def _note_arrivals(self) -> None:
        """Note, while no thread is free to see them, which requests have come: their deadlines have begun."""
        for descriptor, _ in self._events.poll(0):
            if conn := self._waiting.pop(descriptor, None):
                _received(conn).note_arrival()
                self._wait_for_more(conn)

    def _close_overdue(self) -> None:
        """Close connections that were idle too long, whose request is not whole in time, or that have lingered."""
        now = monotonic()
        for descriptor, conn in self._waiting.copy().items():
            if (conn.timeout or 0.0) <= now and self._waiting.pop(descriptor, None) is not None:
                self._drop(conn)

    def _is_reluctant(self) -> bool:
        return len(self._in_hand) >= self.cfg.threads and monotonic() - self._full_since < RELUCTANT_SECONDS

    def _stop_listening(self) -> None:
        """Take in who has connected already, then refuse others at once rather than when we are gone."""
        self.set_accept_enabled(False)
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                super().accept(listener)
            listener.close()
        for conn in self._waiting.copy().values():
            conn.timeout = min(conn.timeout or 0.0, monotonic() + LINGER_SECONDS)


class _Client:
    """A client's socket, for gunicorn to write to: it writes head and body one by one, and they go out in one piece."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self._answer: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)

    def setblocking(self, _: bool) -> None:
        """Do nothing: it blocks, and what must not wait says so."""

    def sendall(self, data: bytes) -> None:
        """Keep what is to be sent."""
        self._answer.append(data)

    def flush(self) -> None:
        """Send it."""
        answer, self._answer = b"".join(self._answer), []
        self.socket.sendall(answer)


def _set_up(conn: TConn) -> None:
    """Make a new connection ready for its first request."""
    conn.init()
    _parser(conn).unreader = Received()
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
    conn.sock = cast(socket.socket, _Client(conn.sock))


def _client(conn: TConn) -> _Client:
    return cast(_Client, conn.sock)


def _received(conn: TConn) -> Received:
    return cast(Received, _parser(conn).unreader)


def _parser(conn: TConn) -> RequestParser:
    return cast(RequestParser, conn.parser)  # not one of HTTP/2 or uWSGI, which our configuration leaves off
