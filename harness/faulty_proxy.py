"""A proxy on the loopback between a client and a server, which answers some requests itself or loses their answers."""

import http.client
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_SECONDS = 60.0
_OF_THE_CONNECTION = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Fault(Enum):
    """What becomes of a request that is passed on."""

    NONE = "it is answered"
    LOST = "the server answers, and the connection is cut before the client has any of it"
    CUT = "the same, in the middle of the answer's body"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the proxy's own; the server sees nothing."""

    status: int
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came, in the order of arrival."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FaultyProxy:
    """Where it listens, the faults of the requests to come, first to last, and the requests that have come."""

    url: str
    faults: deque[Fault | Refusal] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)

    def begin(self, *faults: Fault | Refusal) -> None:
        """Forget the requests that have come, and make the next ones go wrong."""
        self.requests.clear()
        self.faults.clear()
        self.faults.extend(faults)


@contextmanager
def faulty_proxy(server: str) -> Iterator[FaultyProxy]:
    """Run a proxy before a server's base URL."""
    with _Listener(urlsplit(server).netloc) as listener:
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listener.proxy
        finally:
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.proxy = FaultyProxy(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    """One request on a connection of its own, so that cutting it loses one answer."""

    server: _Listener
    protocol_version = "HTTP/1.0"

    def handle_one_request(self) -> None:
        """Answer whatever method it is."""
        self.raw_requestline = self.rfile.readline(65_537)
        self.close_connection = True
        if self.raw_requestline and self.parse_request():
            self.close_connection = True
            self._pass_on(self.server.proxy)

    def _pass_on(self, proxy: FaultyProxy) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        proxy.requests.append(Request(self.command, self.path, headers))
        fault = proxy.faults.popleft() if proxy.faults else Fault.NONE
        if isinstance(fault, Refusal):
            wait = [] if fault.retry_after is None else [("Retry-After", fault.retry_after)]
            self._answer(fault.status, wait, b"<html>a page of the proxy</html>")
            return
        with closing(http.client.HTTPConnection(self.server.upstream, timeout=_SECONDS)) as connection:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
        if fault is not Fault.LOST:
            self._answer(response.status, response.getheaders(), content, missing=fault is Fault.CUT)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, missing: int = 0) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)
