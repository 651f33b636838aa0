"""A request that is sent again with its ``Idempotency-Key`` answers the same and does nothing again."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from harness.documents import all_faults
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database, Document
from likes_api.server.deployment import ensure_indexes
from tests.support.commands import CountedCommands
from tests.support.idempotency import KEY, UUID, voters
from tests.support.qa_votes import BALLOT, post
from tests.support.settings import settings
from tests.support.simple_likes import Visitor

pytestmark = pytest.mark.usefixtures("patient")


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
    assert database["likes_idempotency"].count_documents({}) == 0


# -- What is kept


def test_record_holds_no_key_no_caller_and_goes_after_a_day(app: Flask, database: Database) -> None:
    ensure_indexes(database)
    before = datetime.now(UTC)
    post(app, headers={KEY: UUID})
    record = database["likes_idempotency"].find_one() or {}
    assert set(record) == {"_id", "fingerprint", "answer", "expires"}
    assert "ada" not in str(record)
    assert UUID not in str(record)
    day = timedelta(hours=24)
    assert before + day - timedelta(seconds=1) <= record["expires"] <= datetime.now(UTC) + day
    (index,) = [each for each in database["likes_idempotency"].list_indexes() if each["key"] == {"expires": 1}]
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


# -- Contract 2


def test_like_button_is_pressed_once_when_its_request_is_sent_again(database: Database) -> None:
    app = create_app(settings(), database)
    database["likes_entries"].insert_many([{"_id": "a", "boost": 5}, {"_id": "b"}])
    ada = Visitor(app, "ada")
    first = ada.toggle("a", headers={KEY: UUID})
    assert first.get_json() == {"likes_count": 6, "user_has_liked": True}
    Visitor(app, "bob").toggle("a")
    database["likes_entries"].update_one({"_id": "a"}, {"$set": {"locked": True}})
    assert ada.toggle("a", headers={KEY: UUID}).data == first.data
    assert ada.toggle("b", headers={KEY: UUID}).status_code == 422
    assert ada.toggle("b", headers={KEY: "a b"}).get_json() == {"error": "Invalid Idempotency-Key"}
    assert ada.toggle("a").status_code == 403


def test_like_button_costs_five_round_trips_with_a_key_and_two_without(
    mongod: EmbeddedMongod, database: Database
) -> None:
    database["likes_entries"].insert_one({"_id": "a"})
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
    database["likes_entries"].insert_one({"_id": "a", "guest_allowed": True})
    app = create_app(settings(), database)
    stranger = Visitor(app, cookie="no-such-session")
    for _ in range(2):
        assert stranger.toggle("a", headers={KEY: UUID}).status_code == 401
    assert database["likes_idempotency"].count_documents({}) == 0


@pytest.mark.parametrize("depth", [10, 60, 63, 64, 200, *range(850, 1_000, 3), 2_000, 3_200])
def test_vote_with_a_key_is_taken_or_400_when_its_body_is_nested_however_deeply(
    app: Flask, database: Database, depth: int
) -> None:
    """The parser's limit and that of the fingerprint lay apart: in between was a 500."""
    before = voters(database)
    body = json.dumps(BALLOT).encode()[:-1] + b',"note":' + b"[" * depth + b"]" * depth + b"}"
    response = post(app, body, headers={KEY: f"deep-{depth}"})
    if depth < 64:
        assert (response.status_code, voters(database)) == (200, ["ada"])
    else:
        assert (response.status_code, response.get_json()) == (400, {"error": "Invalid JSON"})
        assert (voters(database), database["likes_idempotency"].count_documents({})) == (before, 0)
