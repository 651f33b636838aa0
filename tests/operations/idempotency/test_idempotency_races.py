"""A request with an ``Idempotency-Key`` counts once, whatever races, collides, is lost or is killed."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask
from pymongo.errors import AutoReconnect, PyMongoError

from harness.documents import all_faults
from harness.server import started_server
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import timeouts, transactions
from likes_api.mongodb.client import deadline, seconds_left
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.mongodb.instrumented import instrumented
from likes_api.repository.idempotency_keys import IdempotencyRepository, RequestKey
from tests.support.clock import WAIT_SECONDS, eventually
from tests.support.idempotency import KEY, UUID, voters
from tests.support.qa_votes import BALLOT, URL, post, session_of
from tests.support.settings import NEXTAUTH_SECRET, settings


def test_answer_is_409_with_retry_after_when_the_first_request_is_under_way(app: Flask, database: Database) -> None:
    with database.client.start_session() as session, session.start_transaction():
        record = record_of(app, database)
        database["likes_idempotency"].insert_one(record, session=session)
        response = post(app, headers={KEY: UUID})
        assert (response.status_code, response.headers["Retry-After"]) == (409, "1")
        assert response.get_json() == {"error": "A request with this Idempotency-Key is under way"}
        session.abort_transaction()
    assert voters(database) == []
    assert post(app, headers={KEY: UUID}).get_json()["action"] == "liked"


def record_of(app: Flask, database: Database) -> Document:
    """The record that a vote with the key makes; the vote itself is taken back."""
    post(app, headers={KEY: UUID})
    record = database["likes_idempotency"].find_one_and_delete({})
    post(app)
    assert record is not None
    assert voters(database) == []
    return record


def test_vote_counts_once_when_eight_send_the_same_request_at_once(app: Flask, database: Database) -> None:
    for _ in range(10):
        key = uuid4().hex
        before = voters(database)
        start = threading.Barrier(8)

        def send(start: threading.Barrier = start, key: str = key) -> int:
            start.wait()
            return post(app, headers={KEY: key}).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = [each.result() for each in [pool.submit(send) for _ in range(8)]]
        assert set(statuses) <= {200, 409}
        assert 200 in statuses
        assert voters(database) == ([] if before else ["ada"])


def test_every_vote_counts_once_when_many_with_keys_and_without_collide_on_one_target(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who collides tries again for as long as the request has time; the machine decides how often that takes.
    monkeypatch.setattr(timeouts, "REQUEST_DATABASE_SECONDS", WAIT_SECONDS)

    def send(number: int) -> int:
        headers = {KEY: uuid4().hex} if number % 2 else None
        return post(app, user=f"user-{number}", headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(120))) == {200}
    assert sorted(voters(database)) == sorted(f"user-{number}" for number in range(120))
    assert not all_faults(database)


def test_neither_vote_nor_record_is_there_when_it_fails_between_them(app: Flask, database: Database) -> None:
    key = RequestKey(b"key", b"fingerprint")

    def vote_and_die(session: Session) -> dict[str, Any]:
        instrumented(database)["questions"].update_one({"_id": "q_123"}, {"$inc": {"upvotes": 1}}, session=session)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        IdempotencyRepository(database).once(key, vote_and_die)
    assert database["questions"].find_one() == {"_id": "q_123"}
    assert database["likes_idempotency"].count_documents({}) == 0


def test_target_is_free_when_a_keyed_vote_ran_out_of_time(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is ended while there is time left; the server would hold the target for a minute otherwise."""

    def vote_too_slowly(session: Session) -> dict[str, Any]:
        instrumented(database)["questions"].update_one({"_id": "q_123"}, {"$inc": {"upvotes": 1}}, session=session)
        while seconds_left() > 0:
            time.sleep(0.01)
        return {"late": True}

    monkeypatch.setattr(transactions, "ENDING_SHARE", 0.9)
    with deadline(WAIT_SECONDS), pytest.raises(PyMongoError):
        IdempotencyRepository(database).once(RequestKey(b"key", b"fingerprint"), vote_too_slowly)
    # Within the time of one request, while the transaction would be open for a minute.
    assert post(app).get_json()["upvotes"] == 1


@pytest.mark.parametrize("lost", ["commitTransaction", "findAndModify", "insert"])
def test_repetition_is_safe_when_the_answer_of_the_database_was_lost(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Let the server do a command and lose its answer on the way, each of the driver's own repetitions included."""
    app = create_app(settings(), database)
    with losing_answers(monkeypatch, lost):
        assert post(app, headers={KEY: UUID}).status_code in {409, 500}
    eventually(lambda: post(app, headers={KEY: UUID}).status_code == 200)
    assert post(app, headers={KEY: UUID}).get_json() == {
        "action": "liked",
        "upvotes": 1,
        "downvotes": 0,
        "liked": True,
        "downvoted": False,
    }
    assert voters(database) == ["ada"]


class losing_answers:  # noqa: N801 - reads as a context
    """Break every answer to a command after the server has done it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
        self._monkeypatch = monkeypatch
        self._command = command

    def __enter__(self) -> None:
        from pymongo.synchronous.pool import Connection

        native: Callable[..., Any] = Connection.command
        command = self._command

        def lossy(self: Any, dbname: str, spec: Any, *args: Any, **kwargs: Any) -> Any:
            answer = native(self, dbname, spec, *args, **kwargs)
            if next(iter(spec)) == command:
                raise AutoReconnect("the answer was lost")
            return answer

        self._monkeypatch.setattr(Connection, "command", lossy)

    def __exit__(self, *_: object) -> None:
        self._monkeypatch.undo()


def test_acknowledged_votes_stand_once_when_workers_are_killed_and_every_request_is_sent_until_answered(
    mongod: EmbeddedMongod, database: Database
) -> None:
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "WEB_CONCURRENCY": "2",
    }
    for number in range(4):
        database["questions"].insert_one({"_id": f"q_{number}"})
    with started_server(variables) as server, ThreadPoolExecutor(5) as pool:
        killed = threading.Event()
        voting = [pool.submit(toggle_until, killed, server.url, f"user-{number}") for number in range(4)]
        kill_workers(server.pid, times=2)
        killed.set()
        toggles = [each.result() for each in voting]
    assert min(toggles) >= 2
    for number in range(4):
        target = database["questions"].find_one({"_id": f"q_{number}"}) or {}
        # An even number of toggles, each done once, leads back to where it began.
        assert (target["likedBy"], target["upvotes"]) == ([], 0)


def toggle_until(end: threading.Event, url: str, user: str) -> int:
    """Toggle there and back, sending each toggle with its key until it is answered; tell how many they were."""
    toggles = 0
    while not toggles or not end.is_set():
        for expected in ("liked", "unliked"):
            assert send_until_answered(url, user)["action"] == expected
            toggles += 1
    return toggles


def send_until_answered(url: str, user: str) -> dict[str, Any]:
    headers = {"Cookie": session_of(user), KEY: uuid4().hex}
    body = BALLOT | {"targetId": f"q_{user.removeprefix('user-')}"}
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            response = requests.post(url + URL, json=body, headers=headers, timeout=60)
        except requests.RequestException:
            continue
        if response.status_code == 200:
            answer: dict[str, Any] = response.json()
            return answer
        assert response.status_code in {409, 500}
        time.sleep(0.1)
    raise AssertionError("no answer")


def kill_workers(master: int, times: int) -> None:
    """Kill all workers at once, and give the new ones time to serve."""
    for _ in range(times):
        time.sleep(1.5)
        for worker in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)
