"""Contract 1 as gunicorn serves it: long bodies, limits across workers, a database that goes away, log and end."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from pymongo import MongoClient

from harness.documents import named_database, snapshot
from harness.server import Server, running_server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.documents import Database, Document
from tests.support.clock import eventually
from tests.support.qa_votes import BALLOT, URL, session_of
from tests.support.settings import NEXTAUTH_SECRET


def headers(user: str = "ada") -> dict[str, str]:
    return {"Content-Type": "application/json", "Cookie": session_of(user)}


def vote(url: str, user: str = "ada") -> requests.Response:
    return requests.post(url + URL, json=BALLOT, headers=headers(user), timeout=60)


@pytest.fixture(scope="module")
def database(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        database["questions"].insert_one({"_id": "q_123"})
        yield database


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod, database: Database) -> Iterator[Server]:
    """gunicorn with two workers and three votes an hour."""
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_LIMIT_QA_VOTE": "3/hour",
    }
    with started_server(variables) as server:
        yield server


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.url


def workers(server: Server) -> list[str]:
    return Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Keep a process from running meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# -- Bodies and headers on the wire


def chunks(total: int) -> Iterator[bytes]:
    for _ in range(total // 50_000):
        yield b"[" * 50_000


@pytest.mark.parametrize("body", [lambda: b"[" * 10_000_000, lambda: chunks(10_000_000)], ids=["plain", "chunked"])
@pytest.mark.parametrize(("user", "status"), [("ada", 413), ("", 401)])
def test_long_body_is_refused_when_sent_plain_or_chunked(
    url: str, database: Database, body: Callable[[], bytes], user: str, status: int
) -> None:
    before = snapshot(database)
    given = headers(user) if user else {}
    try:
        response = requests.post(url + URL, data=body(), headers=given, timeout=60)
    except requests.ConnectionError:
        # The server answered and closed while we were still sending; what it said was lost on the way.
        response = None
    if response is not None:
        assert response.status_code == status
        assert list(response.json()) == ["error"]
    assert snapshot(database) == before
    assert requests.get(f"{url}/healthz", timeout=60).ok


def test_long_chunked_body_is_answered_413_when_the_client_reads_while_it_sends(url: str) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers().items())
    with connection(url) as wire:
        wire.sendall(f"POST {URL} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode())
        wire.sendall(b"4001\r\n" + b"[" * 0x4001 + b"\r\n")  # one more than 16 KiB, and more would come
        answer = b""
        while b"}" not in answer and (part := wire.recv(4_096)):
            answer += part
    assert b" 413 " in answer.splitlines()[0]
    assert b'{"error":"Request entity too large"}' in answer


def test_chunked_ballot_counts_as_any_other(url: str) -> None:
    parts = iter([b'{"targetId":"unknown",', b'"targetType":"question"}'])
    response = requests.post(url + URL, data=parts, headers=headers(uuid4().hex), timeout=60)
    assert (response.status_code, response.json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x00\xa5",
        b"POST /api/likes\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\0b\r\n\r\n",
        b"POST /api/likes HTTP/1.1\r\nHost: x\r\nCookie: next-auth.session-token=\xff\r\n\r\n",
    ],
)
def test_nonsense_on_the_wire_is_refused_and_the_server_goes_on(url: str, database: Database, request_: bytes) -> None:
    before = snapshot(database)
    with connection(url) as wire:
        wire.sendall(request_)
        wire.shutdown(socket.SHUT_WR)
        try:
            answer = wire.recv(65_536)
        except ConnectionResetError:  # closed without having read all of it
            answer = b""
    assert not answer or answer.split(b" ")[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert snapshot(database) == before
    assert requests.get(f"{url}/healthz", timeout=60).ok


def connection(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)


def test_limit_holds_for_all_workers_together(server: Server) -> None:
    user = uuid4().hex
    first, second = map(int, workers(server))
    with halted(first):
        assert [vote(server.url, user).status_code for _ in range(3)] == [200, 200, 200]
    with halted(second):
        refused = vote(server.url, user)
    assert (refused.status_code, refused.json()) == (429, {"error": "Too many requests"})
    assert int(refused.headers["Retry-After"]) > 0


# -- The database goes away


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[EmbeddedMongod]:
    """A mongod that a test may maltreat."""
    with EmbeddedMongod(find_mongod(None), tmp_path) as mongod:
        with MongoClient[Document](mongod.uri) as client:
            client["likes"]["questions"].insert_one({"_id": "q_123"})
        yield mongod


@pytest.fixture
def own_server(own_mongod: EmbeddedMongod) -> Iterator[Server]:
    with started_server({"LIKES_MONGODB_URI": own_mongod.uri, "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET}) as server:
        yield server


def assert_like_fails(url: str, user: str = "ada") -> None:
    # How soon, tests/operations/test_every_route.py proves where nothing else shares the process.
    response = vote(url, user)
    assert (response.status_code, response.json()) == (500, {"error": "Like failed"})


def assert_recovers(url: str) -> None:
    # Each worker notices by itself; so many votes in a row, each on a connection of its own, meet both.
    eventually(lambda: all(vote(url, "bob").status_code == 200 for _ in range(8)))


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_vote_fails_and_succeeds_again_when_the_database_was_away(
    own_mongod: EmbeddedMongod, own_server: Server, how: str
) -> None:
    assert vote(own_server.url).json()["upvotes"] == 1
    started = workers(own_server)
    assert own_mongod.pid is not None
    os.kill(own_mongod.pid, signal.SIGSTOP if how == "frozen" else signal.SIGKILL)
    try:
        # As many as one worker has threads: where all go to the same one, none waits for another.
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(assert_like_fails, own_server.url, f"user-{n}") for n in range(8)]:
                done.result()
        assert requests.get(f"{own_server.url}/healthz", timeout=60).ok
        assert requests.get(f"{own_server.url}/readyz", timeout=60).status_code == 503
        assert requests.post(own_server.url + URL, timeout=60).status_code == 401
    finally:
        if how == "frozen":
            os.kill(own_mongod.pid, signal.SIGCONT)
    if how != "frozen":
        own_mongod.restart()
    assert_recovers(own_server.url)
    # Nobody was killed for being slow.
    assert workers(own_server) == started


def test_server_starts_and_recovers_when_the_database_comes_up_after_it(tmp_path: Path) -> None:
    mongod = EmbeddedMongod(find_mongod(None), tmp_path)
    uri = mongod.start()
    with MongoClient[Document](uri) as client:
        client["likes"]["questions"].insert_one({"_id": "q_123"})
    mongod.stop()
    try:
        with running_server({"LIKES_MONGODB_URI": uri, "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET}) as url:
            assert_like_fails(url)
            mongod.start()
            assert_recovers(url)
    finally:
        mongod.stop()


# -- The log, and the end


def test_request_log_is_json_lines_without_what_must_not_be_told(url: str, mongod: EmbeddedMongod) -> None:
    variables = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET}
    with started_server(variables) as server:
        requests.post(
            f"{server.url}{URL}?token=tell-nobody",
            json=BALLOT,
            headers=headers("tell-nobody") | {"X-Request-ID": "known-id", "X-Forwarded-For": "192.0.2.77"},
            timeout=60,
        )
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    mine = [line for line in lines if line.get("request_id") == "known-id"]
    assert [(line["method"], line["route"], line["status"]) for line in mine] == [("POST", URL, 404)]
    said = json.dumps(lines)
    for secret in ("tell-nobody", "192.0.2.77", session_of("tell-nobody"), NEXTAUTH_SECRET, '127.0.0.1"'):
        assert secret not in said


def test_server_ends_cleanly_when_it_is_stopped_after_a_vote(mongod: EmbeddedMongod) -> None:
    with started_server({"LIKES_MONGODB_URI": mongod.uri, "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET}) as server:
        for number in range(8):  # so that each worker has counted towards a limit
            vote(server.url, f"user-{number}")
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: "Shutting down: Master" in server.log.read_text())
        for line in server.log.read_text().splitlines():
            assert json.loads(line)
