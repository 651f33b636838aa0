"""Prove on a real gunicorn, as an operator runs it, what is admitted, what is refused, and that nothing gets lost."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from faults.clients import SECRET, Crowd
from faults.processes import Gunicorn, children, eventually
from faults.report import Report, summarize
from likes_api.repository.documents import Database
from likes_api.repository.embedded import EmbeddedMongod, find_mongod
from tests.support.nextauth import forge
from tests.support.raw_http import Answer, connect, exchange, read_answer
from tests.support.server import Server, running_server, started_server

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/likes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
TARGETS = [f"q_{number}" for number in range(5)]
BALLOT = b'{"targetId":"q_0","targetType":"question"}'


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod) -> Iterator[str]:
    with running_server(environment(mongod.uri, "test_gunicorn")) as url:
        yield url


def environment(uri: str, database: str, **more: str) -> dict[str, str]:
    return {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": database,
        "LIKES_NEXTAUTH_SECRET": SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
    } | more


def session(user: str = "ada", filler: int = 0) -> str:
    return forge.v4(SECRET, {"sub": user, "exp": int(time.time()) + 3_600, "filler": "x" * filler})


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
        (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "URI too long"),
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


def test_others_are_served_when_slow_clients_hold_more_connections_than_there_are_threads(server: str) -> None:
    with ExitStack() as held:
        bodies = (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n")
        for data in (b"", b"G", GET, *(POST + body for body in bodies)):
            for _ in range(20):
                held.enter_context(connect(server)).sendall(data)
        # Some that have been answered and do not go.
        for _ in range(20):
            held.enter_context(connect(server)).sendall(b"hello\r\n\r\n")
        began = time.monotonic()
        for _ in range(10):
            assert exchange(server, GET + b"Connection: close\r\n\r\n").status == 200
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("answered", [0, 1])
def test_an_unfinished_request_is_dropped_when_its_time_is_over(server: str, answered: int) -> None:
    with connect(server) as connection:
        for _ in range(answered):
            connection.sendall(GET + b"\r\n")
            assert read_answer(connection).status == 200
        connection.settimeout(1)
        began = time.monotonic()
        while time.monotonic() - began < 15:
            try:
                connection.sendall(b"G")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 8 < time.monotonic() - began < 14


def test_a_connection_is_closed_when_it_has_been_idle_for_long(mongod: EmbeddedMongod) -> None:
    variables = environment(mongod.uri, "test_gunicorn", GUNICORN_CMD_ARGS="--keep-alive 2")
    with running_server(variables) as url, connect(url) as connection:
        for _ in range(2):
            connection.sendall(GET + b"\r\n")
            assert read_answer(connection).status == 200
            began = time.monotonic()
            time.sleep(1)
        assert connection.recv(1) == b""
        assert 1.8 < time.monotonic() - began < 4


def test_answers_close_their_connections_when_hardly_more_may_come(mongod: EmbeddedMongod) -> None:
    few = {"GUNICORN_CMD_ARGS": "--worker-connections 12", "WEB_CONCURRENCY": "1", "LIKES_THREADS": "4"}
    with running_server(environment(mongod.uri, "test_gunicorn", **few)) as url, ExitStack() as held:
        answers = []
        for _ in range(30):
            connection = held.enter_context(connect(url))
            connection.sendall(GET + b"\r\n")
            answers.append(read_answer(connection))
        assert {answer.status for answer in answers} == {200}
        kept = [answer.headers["connection"] for answer in answers].count("keep-alive")
        assert 1 <= kept <= 12  # eight, and those whose thread had answered but not put them back yet


def test_a_burst_is_shared_when_one_worker_has_no_thread_left(own_mongod: EmbeddedMongod) -> None:
    """The first worker awake leaves what it has no thread for to the other, if that wakes up soon; try some times."""
    variables = environment(own_mongod.uri, "likes", WEB_CONCURRENCY="2", LIKES_THREADS="4")
    with started_server(variables) as server:
        assert any(sorted(burst(server, own_mongod)) == [4, 4] for _ in range(8))


@pytest.mark.parametrize("pinned", ["true", "false"])
def test_each_worker_keeps_to_a_processor_when_that_is_wanted(mongod: EmbeddedMongod, pinned: str) -> None:
    variables = environment(mongod.uri, "test_gunicorn", WEB_CONCURRENCY="2", LIKES_PIN_WORKERS=pinned)
    with started_server(variables) as server:
        for _ in range(2):
            workers = children(server.pid)
            bound = {pid: os.sched_getaffinity(pid) for pid in workers}
            if pinned == "true":
                ours = sorted(os.sched_getaffinity(0))
                assert sorted(map(min, bound.values())) == sorted((ours * 2)[:2])
                assert all(len(processors) == 1 for processors in bound.values())
            else:
                assert list(bound.values()) == [os.sched_getaffinity(0)] * 2
            os.kill(workers[0], signal.SIGKILL)
            eventually(lambda: len({*children(server.pid)} - {workers[0]}) == 2, "a new worker", 10)  # noqa: B023
            eventually(lambda: requests.get(f"{server.url}/healthz", timeout=5).ok, "an answer", 10)


def burst(server: Server, mongod: EmbeddedMongod) -> Iterable[int]:
    """Have eight votes wait when the workers wake up, one after the other; count how many each has served."""
    cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
    request = POST + cookie + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BALLOT) + BALLOT
    workers, seen = children(server.pid), len(server.log.read_text().splitlines())
    assert mongod.pid
    for pid in (mongod.pid, *workers):
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as held:
        connections = [held.enter_context(connect(server.url)) for _ in range(8)]
        for connection in connections:
            connection.sendall(request)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(mongod.pid, signal.SIGCONT)
        assert [read_answer(connection).status for connection in connections] == [404] * 8
    lines = [json.loads(line) for line in server.log.read_text().splitlines()[seen:]]
    return Counter(line["process"] for line in lines if line.get("route") == "/api/likes").values()


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[EmbeddedMongod]:
    """A mongod that a test may freeze."""
    with EmbeddedMongod(find_mongod(None), tmp_path) as mongod:
        yield mongod


def test_sigterm_answers_requests_in_hand_and_refuses_others_when_it_stops(own_mongod: EmbeddedMongod) -> None:
    with started_server(environment(own_mongod.uri, "likes", WEB_CONCURRENCY="1")) as server:
        cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
        request = POST + cookie + b"Content-Length: %d\r\n\r\n" % len(BALLOT) + BALLOT
        exchange(server.url, request.replace(b"Host", b"Connection: close\r\nHost"))  # connects to MongoDB
        with connect(server.url) as idle, ExitStack() as held:
            idle.sendall(GET + b"\r\n")
            assert read_answer(idle).status == 200
            assert own_mongod.pid
            os.kill(own_mongod.pid, signal.SIGSTOP)
            in_hand = [held.enter_context(connect(server.url)) for _ in range(12)]  # more than threads
            for connection in in_hand:
                connection.sendall(request)
            time.sleep(0.2)
            os.kill(server.pid, signal.SIGTERM)
            time.sleep(0.3)
            with pytest.raises(ConnectionRefusedError):
                connect(server.url)
            # A client that keeps its connection may be sending its next request at this moment.
            idle.sendall(GET + b"\r\n")
            os.kill(own_mongod.pid, signal.SIGCONT)
            answers = [read_answer(connection) for connection in [*in_hand, idle]]
        assert [answer.status for answer in answers] == [404] * 12 + [200]
        assert answers[-1].headers["connection"] == "close"
        eventually(lambda: not Path(f"/proc/{server.pid}/task").exists() or not children(server.pid), "the end", 10)


@pytest.mark.parametrize("how", ["reload", "recycling"])
def test_no_vote_is_lost_under_load_when_workers_are_replaced(
    mongod: EmbeddedMongod, database: Database, tmp_path: Path, how: str
) -> None:
    database.questions.insert_many({"_id": target} for target in TARGETS)
    settings = environment(mongod.uri, database.name)
    if how == "recycling":
        settings["GUNICORN_CMD_ARGS"] = "--max-requests 150 --max-requests-jitter 50"
    gunicorn = Gunicorn(tmp_path, settings)
    gunicorn.start()
    crowd = Crowd(gunicorn.port, 6, TARGETS)
    try:
        eventually(gunicorn.is_serving, "gunicorn answers")
        before = set(gunicorn.workers())
        crowd.start()
        for _ in range(2):
            time.sleep(2.5)
            if how == "reload":
                gunicorn.send(signal.SIGHUP)
        time.sleep(2.5)
        crowd.stop()
        assert before.isdisjoint(gunicorn.workers()[:1])
    finally:
        gunicorn.end()
    assert {outcome.status for outcome in crowd.outcomes} == {200}
    report = Report()
    summarize(report, crowd, database)
    assert not report.failures


def test_requests_are_bounded_in_time_when_more_wait_than_there_are_threads(own_mongod: EmbeddedMongod) -> None:
    with started_server(environment(own_mongod.uri, "likes", WEB_CONCURRENCY="1", LIKES_THREADS="2")) as server:
        cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
        request = POST + cookie + b"Content-Length: %d\r\n\r\n" % len(BALLOT) + BALLOT
        assert exchange(server.url, request.replace(b"Host", b"Connection: close\r\nHost")).status == 404
        assert own_mongod.pid
        os.kill(own_mongod.pid, signal.SIGSTOP)
        try:
            with ExitStack() as held:
                waiting = [held.enter_context(connect(server.url)) for _ in range(8)]
                began = time.monotonic()
                for connection in waiting:
                    connection.sendall(request)
                assert [read_answer(connection).status for connection in waiting] == [500] * 8
                assert time.monotonic() - began < 3.5
        finally:
            os.kill(own_mongod.pid, signal.SIGCONT)
