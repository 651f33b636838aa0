"""A request that is sent again with its ``Idempotency-Key`` answers the same and does nothing again."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask
from pymongo.errors import AutoReconnect, PyMongoError

from likes_api.app import create_app
from likes_api.repository.client import connect, deadline
from likes_api.repository.documents import Database, Document
from likes_api.repository.embedded import EmbeddedMongod
from likes_api.repository.guarded import guarded
from likes_api.repository.idempotency import COLLECTION, IdempotencyRepository, RequestKey
from likes_api.repository.schema import ensure_indexes
from tests.support.commands import CountedCommands
from tests.support.documents import all_faults, emptied_afterwards
from tests.support.qa_votes import BALLOT, URL, post, session_of
from tests.support.server import started_server
from tests.support.settings import NEXTAUTH_SECRET, settings
from tests.support.simple_likes import Visitor

KEY = "Idempotency-Key"
UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["questions"].insert_one({"_id": "q_123"})
        yield module_database


@pytest.fixture
def app(database: Database) -> Flask:
    return create_app(settings(), database)


def voters(database: Database) -> list[str]:
    found = database["questions"].find_one({"_id": "q_123"}) or {}
    voters: list[str] = found.get("likedBy", [])
    return voters


def test_repetition_answers_the_same_and_does_nothing_again_when_others_voted_meanwhile(
    app: Flask, database: Database
) -> None:
    first = post(app, headers={KEY: UUID})
    post(app, user="bob")
    for _ in range(3):
        again = post(app, headers={KEY: UUID})
        assert (again.status_code, again.data, again.content_type) == (200, first.data, first.content_type)
    assert voters(database) == ["ada", "bob"]
    assert post(app, headers={KEY: "another"}).get_json()["action"] == "unliked"
    assert not all_faults(database)


def test_key_is_each_callers_own(app: Flask, database: Database) -> None:
    for user in ("ada", "bob", "ada", "bob"):
        assert post(app, user=user, headers={KEY: UUID}).get_json()["action"] == "liked"
    assert voters(database) == ["ada", "bob"]


@pytest.mark.parametrize(
    "other", [BALLOT | {"voteType": "down"}, BALLOT | {"targetType": "message"}, BALLOT | {"note": "x"}]
)
def test_answer_is_422_when_the_key_was_used_for_another_request(
    app: Flask, database: Database, other: Document
) -> None:
    post(app, headers={KEY: UUID})
    response = post(app, other, headers={KEY: UUID})
    assert (response.status_code, response.get_json()) == (
        422,
        {"error": "This Idempotency-Key was used for another request"},
    )
    assert voters(database) == ["ada"]


def test_repetition_counts_as_the_same_request_when_its_json_is_laid_out_differently(
    app: Flask, database: Database
) -> None:
    post(app, headers={KEY: UUID})
    body = b'{ "voteType":"up",\n "targetType":"question", "targetId":"q_123" }'
    assert post(app, body, headers={KEY: f'"{UUID}"'}).get_json()["action"] == "liked"
    assert voters(database) == ["ada"]


def test_request_is_looked_at_afresh_when_the_first_one_was_refused(app: Flask, database: Database) -> None:
    unknown = BALLOT | {"targetId": "q_late"}
    assert post(app, unknown, headers={KEY: UUID}).status_code == 404
    assert post(app, BALLOT | {"voteType": "sideways"}, headers={KEY: UUID}).status_code == 400
    database["questions"].insert_one({"_id": "q_late"})
    assert post(app, unknown, headers={KEY: UUID}).get_json()["action"] == "liked"


# -- The header


@pytest.mark.parametrize(
    "value",
    ["a", "x" * 255, f'"{UUID}"', '"x y, z"', '"' + "x" * 255 + '"', r'"a\"b\\c"', "!#$%&'()*+-./:;<=>?@[]^_`{|}~"],
)
def test_key_is_taken_when_it_is_a_quoted_or_a_bare_string(app: Flask, database: Database, value: str) -> None:
    for _ in range(2):
        assert post(app, headers={KEY: value}).get_json()["action"] == "liked"
    assert voters(database) == ["ada"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        '""',
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a b",
        "a, b",
        '"a", "b"',
        '"a',
        'a"',
        r'"a\b"',
        "é",
        "a\\b",
        '"a";x=1',
    ],
)
def test_answer_is_400_and_nothing_changes_when_the_key_is_malformed(
    app: Flask, database: Database, value: str
) -> None:
    response = post(app, headers={KEY: value})
    assert (response.status_code, response.get_json()) == (400, {"error": "Invalid Idempotency-Key"})
    assert voters(database) == []
    assert database[COLLECTION].count_documents({}) == 0


# -- What is kept


def test_record_holds_no_key_no_caller_and_goes_after_a_day(app: Flask, database: Database) -> None:
    ensure_indexes(database)
    before = datetime.now(UTC)
    post(app, headers={KEY: UUID})
    record = database[COLLECTION].find_one() or {}
    assert set(record) == {"_id", "fingerprint", "answer", "expires"}
    assert "ada" not in str(record)
    assert UUID not in str(record)
    day = timedelta(hours=24)
    assert before + day - timedelta(seconds=1) <= record["expires"] <= datetime.now(UTC) + day
    (index,) = [each for each in database[COLLECTION].list_indexes() if each["key"] == {"expires": 1}]
    assert index["expireAfterSeconds"] == 0


# -- Round trips


def test_request_costs_one_round_trip_without_a_key_four_with_one_and_three_when_repeated(
    mongod: EmbeddedMongod, database: Database
) -> None:
    counted = CountedCommands()
    with connect(mongod.uri, event_listeners=[counted]) as client:
        app = create_app(settings(), client[database.name])
        post(app, user="bob")
        with counted.during() as plain:
            post(app)
        with counted.during() as keyed:
            post(app, user="eve", headers={KEY: UUID})
        with counted.during() as repeated:
            post(app, user="eve", headers={KEY: UUID})
    assert plain == ["findAndModify"]
    assert keyed == ["insert", "findAndModify", "update", "commitTransaction"]
    assert repeated == ["insert", "abortTransaction", "find"]


# -- Races, collisions and crashes


def test_answer_is_409_with_retry_after_when_the_first_request_is_under_way(app: Flask, database: Database) -> None:
    with database.client.start_session() as session, session.start_transaction():
        record = record_of(app, database)
        database[COLLECTION].insert_one(record, session=session)
        response = post(app, headers={KEY: UUID})
        assert (response.status_code, response.headers["Retry-After"]) == (409, "1")
        assert response.get_json() == {"error": "A request with this Idempotency-Key is under way"}
        session.abort_transaction()
    assert voters(database) == []
    assert post(app, headers={KEY: UUID}).get_json()["action"] == "liked"


def record_of(app: Flask, database: Database) -> Document:
    """The record that a vote with the key makes; the vote itself is taken back."""
    post(app, headers={KEY: UUID})
    record = database[COLLECTION].find_one_and_delete({})
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
    app: Flask, database: Database
) -> None:
    def send(number: int) -> int:
        headers = {KEY: uuid4().hex} if number % 2 else None
        return post(app, user=f"user-{number}", headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(120))) == {200}
    assert sorted(voters(database)) == sorted(f"user-{number}" for number in range(120))
    assert not all_faults(database)


def test_neither_vote_nor_record_is_there_when_it_fails_between_them(app: Flask, database: Database) -> None:
    key = RequestKey(b"key", b"fingerprint")

    def vote_and_die() -> dict[str, Any]:
        guarded(database)["questions"].update_one({"_id": "q_123"}, {"$inc": {"upvotes": 1}})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        IdempotencyRepository(database).once(key, vote_and_die)
    assert database["questions"].find_one() == {"_id": "q_123"}
    assert database[COLLECTION].count_documents({}) == 0


@pytest.mark.parametrize("seconds", [2.5, 0.5])
def test_target_is_free_at_once_when_a_keyed_vote_ran_out_of_time(
    app: Flask, database: Database, seconds: float
) -> None:
    """The transaction is ended while there is time left; the server would hold the target for a minute otherwise."""

    def vote_too_slowly() -> dict[str, Any]:
        guarded(database)["questions"].update_one({"_id": "q_123"}, {"$inc": {"upvotes": 1}})
        time.sleep(0.9 * seconds)
        return {"late": True}

    with deadline(seconds), pytest.raises(PyMongoError):
        IdempotencyRepository(database).once(RequestKey(b"key", b"fingerprint"), vote_too_slowly)
    began = time.monotonic()
    assert post(app).get_json()["upvotes"] == 1
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("lost", ["commitTransaction", "findAndModify", "insert"])
def test_repetition_is_safe_when_the_answer_of_the_database_was_lost(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Let the server do a command and lose its answer on the way, each of the driver's own repetitions included."""
    app = create_app(settings(), database)
    with losing_answers(monkeypatch, lost):
        assert post(app, headers={KEY: UUID}).status_code in {409, 500}
    end = time.monotonic() + 5
    while (response := post(app, headers={KEY: UUID})).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert response.get_json() == {"action": "liked", "upvotes": 1, "downvotes": 0, "liked": True, "downvoted": False}
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
    while not end.is_set():
        for expected in ("liked", "unliked"):
            assert send_until_answered(url, user)["action"] == expected
            toggles += 1
    return toggles


def send_until_answered(url: str, user: str) -> dict[str, Any]:
    headers = {"Cookie": session_of(user), KEY: uuid4().hex}
    body = BALLOT | {"targetId": f"q_{user.removeprefix('user-')}"}
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            response = requests.post(url + URL, json=body, headers=headers, timeout=5)
        except requests.RequestException:
            continue
        if response.status_code == 200:
            answer: dict[str, Any] = response.json()
            return answer
        assert response.status_code in {409, 500}
        time.sleep(0.1)
    raise AssertionError("no answer within 30 s")


def kill_workers(master: int, times: int) -> None:
    """Kill all workers at once, and give the new ones time to serve."""
    for _ in range(times):
        time.sleep(1.5)
        for worker in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)


# -- Contract 2


def test_like_button_is_pressed_once_when_its_request_is_sent_again(database: Database) -> None:
    app = create_app(settings(), database)
    database["entries"].insert_many([{"_id": "a", "boost": 5}, {"_id": "b"}])
    ada = Visitor(app, "ada")
    first = ada.toggle("a", headers={KEY: UUID})
    assert first.get_json() == {"likes_count": 6, "user_has_liked": True}
    Visitor(app, "bob").toggle("a")
    database["entries"].update_one({"_id": "a"}, {"$set": {"locked": True}})
    assert ada.toggle("a", headers={KEY: UUID}).data == first.data
    assert ada.toggle("b", headers={KEY: UUID}).status_code == 422
    assert ada.toggle("b", headers={KEY: "a b"}).get_json() == {"error": "Invalid Idempotency-Key"}
    assert ada.toggle("a").status_code == 403


def test_like_button_costs_five_round_trips_with_a_key_and_two_without(
    mongod: EmbeddedMongod, database: Database
) -> None:
    database["entries"].insert_one({"_id": "a"})
    counted = CountedCommands()
    with connect(mongod.uri, event_listeners=[counted]) as client:
        app = create_app(settings(), client[database.name])
        Visitor(app, "bob").toggle("a")
        with counted.during() as plain:
            Visitor(app, "ada").toggle("a")
        with counted.during() as keyed:
            Visitor(app, "eve").toggle("a", headers={KEY: UUID})
    assert plain == ["find", "findAndModify"]
    assert keyed == ["insert", "find", "findAndModify", "update", "commitTransaction"]


def test_invalid_session_gets_nothing_remembered(database: Database) -> None:
    database["entries"].insert_one({"_id": "a", "guest_allowed": True})
    app = create_app(settings(), database)
    stranger = Visitor(app, cookie="no-such-session")
    for _ in range(2):
        assert stranger.toggle("a", headers={KEY: UUID}).status_code == 401
    assert database[COLLECTION].count_documents({}) == 0
