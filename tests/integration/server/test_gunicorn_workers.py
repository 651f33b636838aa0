"""Prove on a real gunicorn that its workers share what comes, and that nothing is lost where one stops or is full."""

import json
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from harness.crowd import Crowd
from harness.gunicorn import Gunicorn, children, eventually
from harness.raw_http import connect, exchange, read_answer
from harness.report import Report, summarize
from harness.server import Server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.documents import Database
from tests.support.gunicorn import BALLOT, GET, POST, environment, session

TARGETS = [f"q_{number}" for number in range(5)]


def test_connections_that_are_kept_spread_over_the_workers_when_they_come_at_once(mongod: EmbeddedMongod) -> None:
    """Who wakes up first, here 10 ms before the other, must not take them all, in a tenth of a millisecond each."""
    with started_server(environment(mongod.uri, "test_gunicorn", WEB_CONCURRENCY="2")) as server:
        eventually(lambda: min(spread(server)) > 0, "both workers serve", 10)
        assert statistics.median(min(spread(server)) for _ in range(3)) >= 8


def spread(server: Server) -> list[int]:
    """Tell how many of 32 connections, which are there when the workers wake up one by one, each of two has."""
    workers, seen = children(server.pid), len(server.log.read_text().splitlines())
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as held:
        connections = [held.enter_context(connect(server.url)) for _ in range(32)]
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        time.sleep(0.1)
        for connection in connections:
            connection.sendall(GET + b"\r\n")
        assert [read_answer(connection).status for connection in connections] == [200] * 32
    served = served_by(server, seen, "/healthz")
    return [served[pid] for pid in workers]


def served_by(server: Server, seen: int, route: str) -> Counter[int]:
    """Count, in the log from a line on, the requests for a route by the process that served them."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines()[seen:]]
    return Counter(line["process"] for line in lines if line.get("route") == route)


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


def test_workers_are_batch_processes_when_they_serve(mongod: EmbeddedMongod) -> None:
    with started_server(environment(mongod.uri, "test_gunicorn", WEB_CONCURRENCY="2")) as server:
        for worker in children(server.pid):
            eventually(lambda: policies(worker) == {os.SCHED_BATCH}, "a batch process", 10)  # noqa: B023


def policies(pid: int) -> set[int]:
    """Tell by which rules a process's threads are scheduled."""
    return {os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()}


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
    return served_by(server, seen, "/api/likes").values()


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
