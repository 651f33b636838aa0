"""A client's socket as gunicorn uses it, with limits on the time of each wait for the client."""

import errno
import math
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders

# For a request's head and body, from the connection's begin or the first byte behind an answer. A browser on a bad
# mobile network makes it.
REQUEST_SECONDS = 10.0
# The contracts' limit on most bodies (likes_api.app). What is longer is read by the application itself, and must come
# at least as fast as this within REQUEST_SECONDS.
MAX_BODY_BYTES = 16 * 1024
# More than two field lines of the longest size that config/gunicorn.conf.py admits, and the least that
# deploy/nginx.conf passes on. What a thousand connections hold here stays below 50 MB.
MAX_HEAD_BYTES = 32 * 1024
# For a client to take an answer, or a piece of a long one.
SEND_SECONDS = 5.0

_PATH = re.compile(rb"(?:\r\n)?[A-Z]+ (?:https?://[^/ ]*)?([^ ?\r\n]*)", re.IGNORECASE)


A = TypeVar("A")
R = TypeVar("R")


class ClientSocket:
    """Keep the deadline of the wait for a client; send an answer's head together with the beginning of its body.

    :ivar deadline: a moment of the monotonic clock. Somebody looks now and then, and hangs up when it is over: a timer
        for each wait costs more than that.
    :param client: a socket of gevent's.
    :param keepalive: seconds from an answer to the next request.
    """

    def __init__(self, client: Any, keepalive: float) -> None:
        self._client = client
        self._keepalive = keepalive
        self._is_head_read = False
        self._received = 0
        self._line = b""
        # What is kept of an answer: None before its head, nothing once the head is sent.
        self._head: bytes | None = None
        self._body_seconds = REQUEST_SECONDS
        self.is_answering = False
        self.deadline = monotonic() + REQUEST_SECONDS

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def requested_path(self) -> str:
        """The path of the request that is being read, as far as it is known."""
        match = _PATH.match(self._line)
        return match[1].decode("latin-1") if match else ""

    def recv(self, size: int) -> bytes:
        """Return the bytes of a request that have come; none where the client has closed.

        :raises ConnectionResetError: the client takes too long; or it has closed and the application, which would take
            half a body for a whole one, is reading.
        :raises gunicorn.http.errors.LimitRequestHeaders: a head is longer than is waited for.
        """
        if self.is_answering:
            return self._recv_for_application(size)
        if not self._is_head_read and self._received > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("limit request headers size")
        data: bytes = self._wait(self._client.recv, size)
        if not self._received:
            self.deadline = monotonic() + REQUEST_SECONDS
        self._received += len(data)
        if b"\n" not in self._line[2:]:
            self._line += data
        return data

    def sendall(self, data: bytes) -> None:
        """Send a piece of an answer; keep the first, which is its head, for the second."""
        if self._head is None:
            self._head = data
        else:
            self.send(self._head + data)
            self._head = b""

    def send(self, data: bytes) -> None:
        """Send all of it now.

        :raises ConnectionResetError: the client takes too long.
        """
        deadline, self.deadline = self.deadline, monotonic() + SEND_SECONDS
        self._wait(self._client.sendall, data)
        self.deadline = deadline

    def begin_body(self) -> None:
        """Record that a request's head has been read."""
        self._is_head_read = True

    def begin_answer(self) -> None:
        """Record that the application is at work."""
        self.is_answering = True
        self.deadline = math.inf

    def end_answer(self) -> None:
        """Send what is left of an answer, and wait for the next request."""
        if self._head:
            self.send(self._head)
        self._received, self._line, self._head, self._body_seconds = 0, b"", None, REQUEST_SECONDS
        self._is_head_read = self.is_answering = False
        self.deadline = monotonic() + self._keepalive

    def hang_up(self) -> None:
        """End the wait for the client."""
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close when the client has, or after 2 s: closed outright, it could lose its answer (RFC 9112, 9.6)."""
        util.close_graceful(self._client)

    @staticmethod
    def _wait(call: Callable[[A], R], argument: A) -> R:
        try:
            return call(argument)
        except OSError as error:
            if error.errno == errno.EBADF:  # what gevent raises where somebody else has shut the socket down
                raise ConnectionResetError(errno.ECONNRESET, "the client takes too long") from None
            raise

    def _recv_for_application(self, size: int) -> bytes:
        began = monotonic()
        self.deadline = began + self._body_seconds
        data: bytes = self._wait(self._client.recv, size)
        self.deadline = math.inf
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the body is not whole")
        self._body_seconds += len(data) * REQUEST_SECONDS / MAX_BODY_BYTES - (monotonic() - began)
        return data
