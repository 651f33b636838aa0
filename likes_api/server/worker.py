"""gunicorn's gevent worker, with what it lacks where there is no proxy in front: ``docs/decisions/0017``.

Each connection has a greenlet, so a client that sends or reads slowly delays no other. Added here: a request is read
whole before the application is called, ambiguous requests are refused, a worker that stops accepts the connections
that the kernel has made already and closes idle ones, and error pages are JSON. :mod:`likes_api.server.client_socket`
has the limits on time.

gevent patches the standard library when a worker starts, before ``wsgi.py`` is loaded: nothing that the master imports
may import pymongo.
"""

import gc
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from time import monotonic
from types import SimpleNamespace
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.errors import InvalidHeader, NoMoreData, UnsupportedTransferCoding
from gunicorn.workers.ggevent import GeventWorker

from config.settings import SettingsError
from likes_api.server import error_pages
from likes_api.server.client_socket import MAX_BODY_BYTES, ClientSocket

# How long a worker that stops keeps connections without a request: a client may be sending one at this moment.
LINGER_SECONDS = 2.0
# How soon a worker notices that it shall stop, and that it may.
_ROUND_SECONDS = 0.1
# The master starts another worker at once.
_RESTART_SECONDS = 1.0
# Objects made, and not freed, until the next garbage collection. A request leaves hardly any behind.
_NEW_OBJECTS = 20_000
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Worker(GeventWorker):
    """Serve each connection in a greenlet."""

    _pool: Pool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clients: set[ClientSocket] = set()

    def load_wsgi(self) -> None:
        """Load the application; where settings have become bad, end in a way after which the master starts another.

        Its own way ends the master, and with it the workers that serve: settings, which files hold in part, were good
        when it started.
        """
        try:
            super().load_wsgi()
        except SettingsError as error:
            self.log.error("a worker cannot start, bad settings: %s", error)  # noqa: TRY400 - it names each fault
            gevent.sleep(_RESTART_SECONDS)
            raise SystemExit(1) from None

    def run(self) -> None:
        """Serve until told to stop; then refuse new connections, and answer the requests that have come."""
        # What is loaded by now stays; to look through it, and after every 700 new objects, took 5 % of a vote's time.
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        self._pool = Pool(self.worker_connections)
        servers = [self._serve(listener) for listener in self.sockets]
        while self.alive:
            self._go_round()
        for server in servers:
            _accept_all(server)
            server.close()
        stopped = monotonic()
        while len(self._pool) and monotonic() < stopped + self.cfg.graceful_timeout:
            self._go_round(idle_clients_stay=monotonic() < stopped + LINGER_SECONDS)

    def timeout_ctx(self) -> Any:
        """Set no limit on the wait for a request: the client's socket has its own."""
        return nullcontext()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection."""
        wrapped: Any = ClientSocket(client, self.cfg.keepalive)
        self._clients.add(wrapped)
        try:
            super().handle(listener, wrapped, addr)
        finally:
            self._clients.discard(wrapped)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> bool:
        """Serve a request whose head has been read."""
        sock.begin_body()
        _check(req)
        _read_body(req, sock)
        # Whoever waits to connect has a turn.
        if self._pool.free_count() < self.worker_connections // 10:
            req.force_close()
        sock.begin_answer()
        try:
            super().handle_request(listener_name, req, sock, addr)
        finally:
            sock.end_answer()
        return True

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer in JSON what gunicorn answers in HTML; log no address and nothing that the client sent."""
        with suppress(OSError):
            client.send(error_pages.page(exc, client.requested_path, self.log))

    def _go_round(self, *, idle_clients_stay: bool = True) -> None:
        """Notify the master that this worker lives, and close connections of clients that take too long."""
        self.notify()
        now = monotonic()
        for client in self._clients:
            if client.deadline < now or not (idle_clients_stay or client.is_answering):
                client.hang_up()
        gevent.sleep(_ROUND_SECONDS)

    def _serve(self, listener: Any) -> StreamServer:
        name = listener.getsockname()
        # gunicorn asks for it when it begins with a connection, and the listener may be closed by then.
        named = SimpleNamespace(getsockname=lambda: name)
        server = StreamServer(listener, handle=partial(self.handle, named), spawn=self._pool)
        # One at a time, so that the workers share what comes at once.
        server.max_accept = 1
        server.start()
        return server


def _accept_all(server: StreamServer) -> None:
    """Accept the connections that the kernel has made already; they would be reset."""
    while not server.full() and (accepted := server.do_read()):
        server.do_handle(*accepted)


def _check(request: Any) -> None:
    """Refuse ambiguous requests that gunicorn accepts.

    :raises gunicorn.http.errors.ParseException: RFC 9112 3.2 (no ``Host``), or 6.1 (a coding besides chunked, which
        we would have to undo).
    """
    if request.version >= (1, 1) and not _values(request, "HOST"):
        raise InvalidHeader("HOST", req=request)
    for codings in _values(request, "TRANSFER-ENCODING"):
        if codings.lower() != "chunked":
            raise UnsupportedTransferCoding(codings)


def _read_body(request: Any, client: ClientSocket) -> None:
    """Read the body before the application is called, whose time is limited; of a longer one, the beginning.

    Behind an answer to a longer one the connection is closed, because the application may refuse it unread.

    :raises gunicorn.http.errors.ParseException: it is malformed.
    :raises gunicorn.http.errors.NoMoreData: the client closed the connection.
    """
    lengths = _values(request, "CONTENT-LENGTH")
    if not lengths and not _values(request, "TRANSFER-ENCODING"):
        return
    if lengths and int(lengths[0]) > MAX_BODY_BYTES:
        request.force_close()
        return
    # gunicorn would say it once more, when the answer begins.
    if request._expected_100_continue:  # noqa: SLF001
        request._expected_100_continue = False  # noqa: SLF001
        client.send(_CONTINUE)
    data = request.body.read(MAX_BODY_BYTES + 1)
    if lengths and len(data) < int(lengths[0]):
        raise NoMoreData
    if len(data) > MAX_BODY_BYTES:
        request.force_close()
    buffer = request.body.buf  # of what was read ahead, at its end
    rest = buffer.getvalue()
    buffer.seek(0)
    buffer.write(data + rest)


def _values(request: Any, name: str) -> Sequence[str]:
    return [value for field, value in request.headers if field == name]
