"""Prove on a real gunicorn what it makes of messages that are malformed or ambiguous (RFC 9112)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.gunicorn import eventually
from harness.raw_http import connect, exchange, read_answer
from harness.server import Server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from tests.support.gunicorn import BALLOT, GET, POST, environment, session

LIKE = b"POST /api/v1/posts/%b/likes HTTP/1.1\r\nHost: localhost\r\n" % (b"0" * 32)
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
COOKIE = b"Cookie: next-auth.session-token=%b\r\n"
# A bad size, a negative one, one that is no number, a bad end of a chunk, a bad extension, a bad trailer.
MALFORMED = [
    b"zz\r\n",
    b"-1\r\n{}\r\n",
    b"0x2\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}xx0\r\n\r\n",
    b"2;\x00\r\n{}\r\n",
    b"0\r\na b\r\n\r\n",
]


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod) -> Iterator[Server]:
    with started_server(environment(mongod.uri, "test_http_messages")) as server:
        yield server


def errors_of(server: Server, seen: int) -> list[str]:
    """Return the lines of the log, from one on, that are no information."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines()[seen:]]
    return [line["message"] for line in lines if line["level"] not in {"INFO", "DEBUG"}]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_chunked_body_is_refused_in_the_dialect_and_no_error_is_logged_when_it_is_malformed(
    server: Server, body: bytes
) -> None:
    seen = len(server.log.read_text().splitlines())
    plain = exchange(server.url, POST + CHUNKED + body)
    assert (plain.status, plain.json) == (400, {"error": "Bad request"})
    likes = exchange(server.url, LIKE + FORM + CHUNKED + body)
    assert (likes.status, likes.json) == (400, {"code": 400, "message": "Bad request"})
    assert likes.headers["x-request-id"]
    assert errors_of(server, seen) == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /api/v1%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"/a" * 5_000), 414),
        (LIKE + b"Authorization: " + b"a" * 16_400 + b"\r\n\r\n", 431),
        (LIKE + b"Bad Header: a\r\n\r\n", 400),
        (LIKE + b"Content-Length: two\r\n\r\n", 400),
        (LIKE + b"Expect: miracles\r\n\r\n", 417),
        (LIKE + FORM + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (LIKE.replace(b"Host: localhost\r\n", b"") + b"\r\n", 400),
    ],
)
def test_contract_3_reads_its_dialect_when_gunicorn_refuses(server: Server, head: bytes, status: int) -> None:
    answer = exchange(server.url, head)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json["code"] == status
    assert set(answer.json) == {"code", "message"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Transfer-Encoding: gzip, chunked\r\n", 501),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
        (b"Transfer-Encoding: identity, chunked\r\n", 501),
        (b"Transfer-Encoding: chunked, chunked\r\n", 400),
        (b"Transfer-Encoding: gzip\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
    ],
)
def test_a_vote_is_refused_when_its_transfer_coding_is_not_chunked_alone(
    server: Server, fields: bytes, status: int
) -> None:
    cookie = COOKIE % session().encode()
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BALLOT), BALLOT)
    assert exchange(server.url, POST + cookie + fields + b"\r\n" + body).status == status


def test_a_vote_is_admitted_when_head_and_body_are_as_long_as_they_may_be(server: Server) -> None:
    cookie = COOKIE % session().encode()
    padding = b"X-A: %b\r\nX-B: %b\r\n" % (b"a" * 15_000, b"b" * 15_000)
    body = BALLOT + b" " * (16_384 - len(BALLOT))
    # werkzeug takes one byte less where no length is announced.
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body[:-1]) + b"0\r\n\r\n"
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    assert exchange(server.url, POST + cookie + padding + length + body).status == 404  # there is no q_0
    assert exchange(server.url, POST + cookie + padding + b"Connection: close\r\n" + CHUNKED + chunks).status == 404
    assert exchange(server.url, POST + cookie + padding + CHUNKED + b"2\r\n  \r\n" + chunks).status == 413


def test_a_host_is_required_when_the_version_is_11(server: Server) -> None:
    assert exchange(server.url, b"GET /healthz HTTP/1.1\r\n\r\n").status == 400
    assert exchange(server.url, b"GET /healthz HTTP/1.0\r\n\r\n").status == 200
    assert exchange(server.url, GET + b"Host: localhost\r\n\r\n").status == 400


def test_the_body_is_not_asked_for_when_the_version_is_10(server: Server) -> None:
    head = POST.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BALLOT)
    with connect(server.url) as connection, connection.makefile("rb") as stream:
        connection.sendall(head)
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        connection.sendall(BALLOT)
        assert stream.readline().split()[1] == b"401"


@pytest.mark.parametrize("target", [b"//api/likes", b"/api%2flikes", b"/api%2Flikes", b"/%2Fapi/likes", b"/api//likes"])
def test_a_vote_is_not_taken_when_the_path_is_another_spelling(server: Server, target: bytes) -> None:
    cookie = COOKIE % session().encode()
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BALLOT)
    seen = len(server.log.read_text().splitlines())
    answer = exchange(server.url, POST.replace(b"/api/likes", target) + cookie + length + BALLOT)
    assert (answer.status, answer.json["error"]) == (404, "Not found")
    lines = [json.loads(line) for line in server.log.read_text().splitlines()[seen:]]
    assert [line["route"] for line in lines if "route" in line] == [None]


def test_a_dialect_is_not_guessed_when_the_connection_carried_another_request_before(server: Server) -> None:
    with connect(server.url) as connection:
        connection.sendall(LIKE + b"\r\n")
        assert read_answer(connection).status == 401
        connection.sendall(POST + CHUNKED + b"zz\r\n")
        assert read_answer(connection).json == {"error": "Bad request"}


def established(server: Server) -> int:
    """Count the server's connections that nobody has closed (proc(5): state 01)."""
    port = int(server.url.rpartition(":")[2])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(line[1].rpartition(":")[2], 16) == port and line[3] == "01" for line in lines)


def test_no_error_is_logged_when_clients_take_too_long(mongod: EmbeddedMongod) -> None:
    """They send nothing, half a head, half a body; or read no answer, of which there are more than buffers hold."""
    script = b"GET /widget/like-button.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with started_server(environment(mongod.uri, "test_http_messages")) as server, ExitStack() as held:
        for data in (b"", GET, POST + b"Content-Length: 100\r\n\r\n{", script * 1_000):
            held.enter_context(connect(server.url)).sendall(data)
        assert established(server) == 4
        eventually(lambda: established(server) == 0, "all are hung up on", 60)
        assert errors_of(server, 0) == []
