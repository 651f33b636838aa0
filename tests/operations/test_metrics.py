"""The metrics of all workers, added up, agree with what was sent and done; and only the operator sees them."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from flask import Flask
from pymongo import MongoClient

from harness.documents import named_database
from harness.server import Server, started_server
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support.clock import eventually
from tests.support.metrics import Exposition
from tests.support.qa_votes import BALLOT, URL, post, session_of
from tests.support.settings import NEXTAUTH_SECRET, settings

WORKERS = 4
USERS = 20
VOTES = 400


@pytest.fixture
def served(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[Server]:
    """gunicorn with four workers on a database with a question."""
    with named_database(client) as database:
        fields = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}
        database["questions"].insert_one({"_id": "q_123"} | fields)
        variables = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
            "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
            "LIKES_RATELIMIT_ENABLED": "false",
            "WEB_CONCURRENCY": str(WORKERS),
        }
        with started_server(variables) as server:
            yield server


def scrape(url: str) -> Exposition:
    response = requests.get(f"{url}/metrics", timeout=60)
    assert response.headers["Content-Type"].startswith("text/plain")
    return Exposition(response.text)


def vote_often(pool: ThreadPoolExecutor, url: str) -> list[int]:
    """Have the users vote in turns: two votes of one user at once may cost a command more, and be right."""
    return [status for _ in range(VOTES // USERS) for status in pool.map(lambda user: vote(url, user), range(USERS))]


def vote(url: str, user: int) -> int:
    headers = {"Cookie": session_of(f"user-{user}")}
    return requests.post(url + URL, json=BALLOT, headers=headers, timeout=60).status_code


def children(pid: int) -> set[int]:
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_metrics_of_four_workers_add_up_to_the_requests_sent_when_workers_die_and_reload(served: Server) -> None:
    labels = {"contract": "qa_votes", "route": URL, "method": "POST"}
    with ThreadPoolExecutor(8) as pool:
        first = vote_often(pool, served.url)
        assert requests.post(served.url + URL, timeout=60).status_code == 401
        assert requests.get(served.url + "/nothing", timeout=60).status_code == 404
        # A dead worker's counts stay, and so do those of workers that a reload replaces.
        workers = children(served.pid)
        os.kill(min(workers), signal.SIGKILL)
        os.kill(served.pid, signal.SIGHUP)
        wait_for_other_workers(served.pid, workers)
        second = vote_often(pool, served.url)
    assert first + second == [200] * (2 * VOTES)

    found = scrape(served.url)
    assert found.total("likes_request_seconds_count", **labels, status="200") == 2 * VOTES
    assert found.total("likes_request_seconds_count", **labels, status="401") == 1
    assert found.total("likes_request_seconds_count", contract="none", status="404") == 1
    assert found.total("likes_request_seconds_bucket", **labels, status="200", le="+Inf") == 2 * VOTES
    # 20 users toggle one question 40 times each: half are first votes, one command, and half take it back, two. Votes
    # that meet in a worker share their commands.
    assert found.total("likes_votes_total", contract="qa_votes", action="liked") == VOTES
    assert found.total("likes_votes_total", contract="qa_votes", action="unliked") == VOTES
    commands = "findAndModify", "update"
    counts = (
        found.total("likes_database_command_seconds_count", command=command, outcome="ok") for command in commands
    )
    assert 0 < sum(counts) <= 3 * VOTES
    assert found.total("likes_database_pool_wait_seconds_count") >= 2 * VOTES
    assert found.total("likes_database_circuit_open") == 0


def wait_for_other_workers(master: int, former: set[int]) -> None:
    eventually(lambda: not children(master) & former and len(children(master)) >= WORKERS)


def test_metrics_files_are_as_many_as_workers_lived_at_once_when_workers_are_replaced(served: Server) -> None:
    directory = metrics_directory(served.pid)
    for _ in range(6):
        workers = children(served.pid)
        os.kill(min(workers), signal.SIGKILL)
        wait_for_other_workers(served.pid, {min(workers)})
    slots = {re.sub(r".*_(\d+)\.db", r"\1", each.name) for each in directory.iterdir()}
    assert slots <= {str(number) for number in range(WORKERS)}


def test_metrics_directory_is_gone_when_the_server_has_ended(mongod: EmbeddedMongod) -> None:
    with started_server({"LIKES_MONGODB_URI": mongod.uri}) as server:
        directory = metrics_directory(server.pid)
        assert directory.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()


def metrics_directory(master: int) -> Path:
    """Find it by what a worker has open: the master's own variables are as they were when it began."""
    for worker in children(master):
        for line in Path(f"/proc/{worker}/maps").read_text().splitlines():
            if "likes-api-metrics-" in line:
                return Path(line.split(maxsplit=5)[5]).parent
    raise AssertionError("no worker writes metrics")


# -- Who may see them


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("127.9.9.9", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("192.0.2.1", 403),
        ("::ffff:192.0.2.1", 403),
        ("2001:db8::1", 403),
        ("", 403),
        ("localhost", 403),
    ],
)
def test_metrics_are_shown_when_the_address_is_a_loopback(app: Flask, address: str, status: int) -> None:
    response = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status
    if status == 403:
        assert response.get_json() == {"error": "Forbidden"}


def test_metrics_are_shown_to_the_networks_of_the_setting_and_to_no_other(database: Database) -> None:
    app = create_app(settings(METRICS_ALLOW="192.0.2.0/24, 2001:db8::/32"), database)
    for address, status in (("192.0.2.9", 200), ("2001:db8::9", 200), ("127.0.0.1", 403), ("198.51.100.1", 403)):
        assert app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == status


def test_address_is_the_one_in_front_of_the_proxy_when_a_proxy_is_trusted(database: Database) -> None:
    app = create_app(settings(TRUSTED_PROXIES="1"), database)
    for forwarded, status in (("192.0.2.1", 403), ("127.0.0.1, 192.0.2.1", 403), ("192.0.2.1, 127.0.0.1", 200)):
        response = app.test_client().get("/metrics", headers={"X-Forwarded-For": forwarded})
        assert response.status_code == status


# -- Labels


def test_labels_hold_nothing_that_a_client_made_up(app: Flask, database: Database) -> None:
    database["questions"].insert_one({"_id": "q_123"})
    post(app, BALLOT | {"targetId": "made-up"})
    app.test_client().get("/made-up?made-up=1")
    app.test_client().open("/api/likes", method="MADEUP")
    text = app.test_client().get("/metrics").get_data(as_text=True)
    assert "made-up" not in text
    assert "MADEUP" not in text
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert Exposition(text).label_values("likes_request_seconds_count", "method") <= methods
