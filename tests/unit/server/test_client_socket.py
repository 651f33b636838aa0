"""Prove how long we wait for a client, and what it is sent at once."""

import errno
import math
import socket

import pytest
from gunicorn.http.errors import LimitRequestHeaders

from likes_api.server import client_socket
from likes_api.server.client_socket import MAX_BODY_BYTES, MAX_HEAD_BYTES, REQUEST_SECONDS, ClientSocket

KEEPALIVE = 20.0


class Client:
    """A client whose every piece takes some seconds of the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pieces: list[tuple[float, bytes]] = []
        self.sent: list[bytes] = []
        self.failure: OSError | None = None

    def recv(self, _: int) -> bytes:
        if self.failure:
            raise self.failure
        seconds, data = self.pieces.pop(0)
        self.now += seconds
        return data

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def shutdown(self, how: int) -> None:
        assert how == socket.SHUT_RDWR
        self.failure = OSError(errno.EBADF, "closed in another greenlet")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(client_socket, "monotonic", lambda: client.now)
    return client


def read(wrapped: ClientSocket, client: Client, *pieces: tuple[float, bytes]) -> None:
    client.pieces = list(pieces)
    for _ in pieces:
        wrapped.recv(8_192)


def test_a_request_has_its_time_from_its_first_byte_when_more_comes(client: Client) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    assert wrapped.deadline == 100 + REQUEST_SECONDS
    read(wrapped, client, (3, b"GE"), (3, b"T / HTTP/1.1\r\n"))
    assert wrapped.deadline == 103 + REQUEST_SECONDS
    wrapped.begin_answer()
    assert wrapped.deadline == math.inf
    wrapped.end_answer()
    assert wrapped.deadline == 106 + KEEPALIVE
    read(wrapped, client, (15, b"G"))
    assert wrapped.deadline == 121 + REQUEST_SECONDS


def test_a_long_body_has_time_for_what_has_come_when_the_application_reads_it(client: Client) -> None:
    """What the application does between two reads is not the client's time."""
    wrapped = ClientSocket(client, KEEPALIVE)
    wrapped.begin_answer()
    left = []

    def recv(_: int) -> bytes:
        left.append(wrapped.deadline - client.now)
        client.now += 4
        return b"x" * (MAX_BODY_BYTES // 10)

    client.recv = recv  # type: ignore[method-assign]
    for _ in range(3):
        wrapped.recv(8_192)
        client.now += 60
    assert left == pytest.approx([10, 7, 4], abs=0.01)


def test_half_a_body_is_a_reset_when_the_application_reads_it(client: Client) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    wrapped.begin_answer()
    with pytest.raises(ConnectionResetError):
        read(wrapped, client, (0, b""))


def test_a_wait_ends_in_a_reset_when_the_worker_hangs_up(client: Client) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    wrapped.hang_up()
    with pytest.raises(ConnectionResetError) as reset:
        read(wrapped, client, (0, b"G"))
    assert reset.value.errno == errno.ECONNRESET


def test_a_head_is_refused_when_it_is_longer_than_is_waited_for(client: Client) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    with pytest.raises(LimitRequestHeaders):
        read(wrapped, client, *[(0, b"x" * 8_192)] * (MAX_HEAD_BYTES // 8_192 + 2))
    wrapped = ClientSocket(client, KEEPALIVE)
    read(wrapped, client, *[(0, b"x" * 8_192)] * (MAX_HEAD_BYTES // 8_192))
    wrapped.begin_body()
    read(wrapped, client, *[(0, b"x" * 8_192)] * 10)


def test_the_head_of_an_answer_goes_out_with_the_first_piece_of_its_body(client: Client) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    for pieces, sent in ((b"ab", [b"ab"]), (b"abc", [b"ab", b"c"]), (b"a", [b"a"]), (b"", [])):
        client.sent.clear()
        wrapped.begin_answer()
        for piece in pieces:
            wrapped.sendall(bytes([piece]))
        wrapped.end_answer()
        assert client.sent == sent


@pytest.mark.parametrize(
    ("received", "path"),
    [
        (b"GET /api/v1/a?b=c HTTP/1.1\r\nHost: ", "/api/v1/a"),
        (b"GET /api/v1", "/api/v1"),
        (b"\r\nget http://localhost:80/api/v1/a HTTP/1.1\r\n", "/api/v1/a"),
        (b"GET  /api/v1\r\n", ""),
        (b"\x16\x03\x01", ""),
        (b"", ""),
    ],
)
def test_the_requested_path_is_known_as_far_as_it_has_come(client: Client, received: bytes, path: str) -> None:
    wrapped = ClientSocket(client, KEEPALIVE)
    read(wrapped, client, *((0, bytes([byte])) for byte in received))
    assert wrapped.requested_path == path
