"""Prove on a real gunicorn that nothing is lost where a worker stops, and that everybody is answered in time."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.crowd import Crowd
from harness.gunicorn import Gunicorn, children, eventually
from harness.raw_http import connect, exchange, read_answer
from harness.report import Report, summarize
from harness.server import is_listening, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from tests.support.clock import WAIT_SECONDS, stopwatch
from tests.support.gunicorn import BALLOT, GET, POST, environment, session

TARGETS = [f"q_{number}" for number in range(5)]


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
            in_hand = [held.enter_context(connect(server.url)) for _ in range(12)]
            for connection in in_hand:
                connection.sendall(request)
            eventually(lambda: connections_read(server.url) == 13, "all requests are in hand")
            os.kill(server.pid, signal.SIGTERM)
            eventually(lambda: not is_listening(urlsplit(server.url).port or 0), "others are refused")
            # A client that keeps its connection may be sending its next request at this moment.
            idle.sendall(GET + b"\r\n")
            os.kill(own_mongod.pid, signal.SIGCONT)
            answers = [read_answer(connection) for connection in [*in_hand, idle]]
        assert [answer.status for answer in answers] == [404] * 12 + [200]
        assert answers[-1].headers["connection"] == "close"
        eventually(lambda: not Path(f"/proc/{server.pid}/task").exists() or not children(server.pid), "the end")


def connections_read(url: str) -> int:
    """Return how many connections to a server have been accepted and have nothing left to read.

    Source: Linux, ``Documentation/networking/proc_net_tcp.rst``; one that waits to be accepted has no inode yet.
    """
    here, established = f"0100007F:{urlsplit(url).port:04X}", "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[1] == here and row[3] == established and row[4].endswith(":00000000") and row[9] != "0" for row in rows
    )


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
    # Requests wait for workers to boot, which takes a busy machine as long as it likes.
    crowd = Crowd(gunicorn.port, 6, TARGETS, patience=WAIT_SECONDS)
    try:
        eventually(gunicorn.is_serving, "gunicorn answers")
        crowd.start()
        for _ in range(4 if how == "reload" else 1):
            before = set(gunicorn.workers())
            voted = len(crowd.outcomes)
            eventually(lambda voted=voted: len(crowd.outcomes) > voted + 50, "the crowd votes", 60)
            if how == "reload":
                gunicorn.send(signal.SIGHUP)
            eventually(lambda before=before: before.isdisjoint(gunicorn.workers()), "all workers are others", 60)
        crowd.stop()
    finally:
        gunicorn.end()
    assert [outcome for outcome in crowd.outcomes if outcome.status != 200] == []
    report = Report()
    summarize(report, crowd, database, WAIT_SECONDS)
    assert not report.failures


def test_requests_are_bounded_in_time_when_many_wait_for_a_frozen_database(own_mongod: EmbeddedMongod) -> None:
    with started_server(environment(own_mongod.uri, "likes", WEB_CONCURRENCY="1")) as server:
        cookie = b"Cookie: next-auth.session-token=" + session().encode() + b"\r\n"
        request = POST + cookie + b"Content-Length: %d\r\n\r\n" % len(BALLOT) + BALLOT
        assert exchange(server.url, request.replace(b"Host", b"Connection: close\r\nHost")).status == 404
        assert own_mongod.pid
        os.kill(own_mongod.pid, signal.SIGSTOP)
        try:
            with ExitStack() as held:
                waiting = [held.enter_context(connect(server.url)) for _ in range(200)]
                with stopwatch() as watch:
                    for connection in waiting:
                        connection.sendall(request)
                    assert {read_answer(connection).status for connection in waiting} == {500}
                    assert watch.seconds < timeouts.ANSWER_SECONDS
                assert exchange(server.url, GET + b"Connection: close\r\n\r\n").status == 200
        finally:
            os.kill(own_mongod.pid, signal.SIGCONT)
