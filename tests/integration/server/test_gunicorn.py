"""Prove on a real gunicorn, as an operator runs it, which requests and connections are admitted, and for how long."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from harness.raw_http import Answer, connect, exchange, read_answer
from harness.server import running_server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.server.client_socket import REQUEST_SECONDS
from tests.support.clock import WAIT_SECONDS, stopwatch
from tests.support.gunicorn import BALLOT, GET, POST, environment, session


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod) -> Iterator[str]:
    with running_server(environment(mongod.uri, "test_gunicorn")) as url:
        yield url


def chunked_cookie(token: str) -> bytes:
    """Split a token as next-auth does, into cookies of at most 4,096 bytes with their attributes."""
    size = 4_096 - 163
    pieces = [token[begin : begin + size] for begin in range(0, len(token), size)]
    return "; ".join(f"next-auth.session-token.{index}={piece}" for index, piece in enumerate(pieces)).encode()


def vote(url: str, headers: bytes) -> Answer:
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BALLOT)
    return exchange(url, POST + headers + length + BALLOT)


def test_a_session_in_three_chunks_is_admitted_when_it_takes_12_kilobytes(server: str) -> None:
    cookie = chunked_cookie(session(filler=8_500))
    assert len(cookie) > 11_000
    assert b"session-token.2=" in cookie
    assert b"session-token.3=" not in cookie
    assert vote(server, b"Cookie: " + cookie + b"\r\n").status == 404  # not 401: it is valid, but there is no q_0


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        (GET + b"Cookie: " + b"a" * 16_400 + b"\r\n\r\n", 431, "Request header fields too large"),
        (GET + b"Cookie: " + b"a" * 40_000, 431, "Request header fields too large"),
        (GET + b"".join(b"X-%d: a\r\n" % number for number in range(64)) + b"\r\n", 431, None),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "URI too long"),
        (b"hello\r\n\r\n", 400, "Bad request"),
        (b"GET /\n\n", 400, "Bad request"),
        (GET + b"Bad Header: a\r\n\r\n", 400, "Bad request"),
        (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400, "Bad request"),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "Bad request"),
        (POST + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}", 417, "Expectation failed"),
    ],
)
def test_gunicorn_refuses_in_json_when_it_cannot_read_a_request(
    server: str, request_: bytes, status: int, error: str | None
) -> None:
    answer = exchange(server, request_)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"]
    assert set(answer.json) == {"error"}
    assert error in {None, answer.json["error"]}


def test_the_log_holds_no_address_when_a_request_is_refused(mongod: EmbeddedMongod) -> None:
    with started_server(environment(mongod.uri, "test_gunicorn")) as server:
        exchange(server.url, GET + b"Secret Token: abcdef\r\n\r\n")
        log = server.log.read_text()
    assert "request refused unread" in log
    assert "abcdef" not in log
    assert "127.0.0.1" not in log.split("request refused unread")[1].splitlines()[0]


def test_a_body_is_refused_unread_and_the_connection_closed_when_it_is_announced_too_long(server: str) -> None:
    cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
    with connect(server) as connection:
        connection.sendall(POST + cookie + b"Content-Length: 100000\r\n\r\nabc")
        assert read_answer(connection).status == 413
        assert connection.recv(1) == b""


def test_a_request_is_answered_when_it_comes_byte_by_byte(server: str) -> None:
    with connect(server) as connection:
        for byte in GET + b"Connection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n%b" % (len(BALLOT), BALLOT),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BALLOT), BALLOT),
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (BALLOT[:5], len(BALLOT) - 5, BALLOT[5:]),
    ],
)
def test_two_requests_are_answered_in_order_when_sent_at_once(server: str, body: bytes) -> None:
    cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
    with connect(server) as connection, connection.makefile("rb") as stream:
        connection.sendall(POST + cookie + body + GET + b"Connection: close\r\n\r\n")
        answers = stream.read()
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.startswith(b"HTTP/1.1 404 ")
    assert answers.endswith(b'{"status":"ok"}\n')


def test_the_body_is_asked_for_once_when_the_client_expects_it(server: str) -> None:
    cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
    with connect(server) as connection, connection.makefile("rb") as stream:
        head = b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BALLOT)
        connection.sendall(POST + cookie + head)
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        connection.sendall(BALLOT)
        assert stream.readline().startswith(b"HTTP/1.1 404")


def test_others_are_served_when_slow_clients_hold_many_connections(server: str) -> None:
    with ExitStack() as held:
        bodies = (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n")
        for data in (b"", b"G", GET, *(POST + body for body in bodies)):
            for _ in range(20):
                held.enter_context(connect(server)).sendall(data)
        # Some that have been answered and do not go.
        for _ in range(20):
            held.enter_context(connect(server)).sendall(b"hello\r\n\r\n")
        # Before any of those connections is closed because its time is over.
        with stopwatch() as watch:
            for _ in range(10):
                assert exchange(server, GET + b"Connection: close\r\n\r\n").status == 200
            assert watch.seconds < REQUEST_SECONDS / 2


@pytest.mark.parametrize("answered", [0, 1])
def test_an_unfinished_request_is_dropped_when_its_time_is_over(server: str, answered: int) -> None:
    began = time.monotonic()
    with connect(server) as connection:
        for _ in range(answered):
            connection.sendall(GET + b"\r\n")
            assert read_answer(connection).status == 200
        connection.settimeout(1)
        while time.monotonic() - began < WAIT_SECONDS:
            try:
                connection.sendall(b"G")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 8 < time.monotonic() - began < WAIT_SECONDS


def test_a_connection_is_closed_when_it_has_been_idle_for_long(mongod: EmbeddedMongod) -> None:
    variables = environment(mongod.uri, "test_gunicorn", GUNICORN_CMD_ARGS="--keep-alive 4")
    with running_server(variables) as url, connect(url) as connection:
        for _ in range(2):
            began = time.monotonic()
            connection.sendall(GET + b"\r\n")
            assert read_answer(connection).status == 200
            time.sleep(0.5)
        assert connection.recv(1) == b""
        assert time.monotonic() - began > 3.8


def test_answers_close_their_connections_when_hardly_more_may_come(mongod: EmbeddedMongod) -> None:
    few = {"GUNICORN_CMD_ARGS": "--worker-connections 20", "WEB_CONCURRENCY": "1"}
    with running_server(environment(mongod.uri, "test_gunicorn", **few)) as url, ExitStack() as held:
        kept = []
        for _ in range(30):
            connection = held.enter_context(connect(url))
            connection.sendall(GET + b"\r\n")
            answer = read_answer(connection)
            assert answer.status == 200
            kept.append(answer.headers["connection"] == "keep-alive")
            if not kept[-1]:
                connection.close()
        assert kept == [True] * 18 + [False] * 12
