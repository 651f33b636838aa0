"""Contract 1 row by row, on the real server: what ``POST /api/likes`` answers."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from bson import ObjectId
from flask import Flask

from harness.documents import all_faults, snapshot
from harness.nextauth.vectors import Vector, load
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support.qa_votes import BALLOT, COOKIE, URL, post, session_of
from tests.support.settings import settings

HEX = "64b7f0c2a1b2c3d4e5f60718"


# -- What a vote does and answers


def test_votes_are_answered_as_documented_when_one_user_goes_through_all_actions(app: Flask) -> None:
    steps = [
        ("up", "liked", 3, 1, True, False),
        ("up", "unliked", 2, 1, False, False),
        ("down", "downvoted", 2, 2, False, True),
        ("up", "liked", 3, 1, True, False),
        ("down", "downvoted", 2, 2, False, True),
        ("down", "undownvoted", 2, 1, False, False),
    ]
    for vote, *expected in steps:
        response = post(app, BALLOT | {"voteType": vote})
        assert response.status_code == 200
        assert list(response.get_json().items()) == list(
            zip(["action", "upvotes", "downvotes", "liked", "downvoted"], expected, strict=True)
        )


def test_vote_is_on_a_message_when_the_target_type_says_so(app: Flask, database: Database) -> None:
    response = post(app, {"targetId": "msg_456", "targetType": "message", "voteType": "down"})
    assert response.get_json() == {
        "action": "downvoted",
        "upvotes": 0,
        "downvotes": 1,
        "liked": False,
        "downvoted": True,
    }
    assert database["messages"].find_one() == {
        "_id": "msg_456",
        "upvotes": 0,
        "downvotes": 1,
        "likedBy": [],
        "dislikedBy": ["ada"],
    }


def test_vote_is_up_when_vote_type_is_missing(app: Flask) -> None:
    response = post(app, {"targetId": "q_123", "targetType": "question"})
    assert (response.status_code, response.get_json()["action"]) == (200, "liked")


@pytest.mark.parametrize("body", [{"note": "x"}, {"voteTypes": None}, {"userId": "bob"}, {"upvotes": 99}])
def test_vote_counts_when_the_body_has_other_members(app: Flask, database: Database, body: Document) -> None:
    assert post(app, BALLOT | body).get_json()["upvotes"] == 3
    assert not all_faults(database)


def test_target_is_found_by_its_object_id_or_configured_field(app: Flask, database: Database) -> None:
    database["questions"].insert_one({"_id": ObjectId(HEX)})
    assert post(app, BALLOT | {"targetId": HEX}).status_code == 200
    database["questions"].insert_one({"id": "q_7"})
    assert post(create_app(settings(QA_ID_FIELD="id"), database), BALLOT | {"targetId": "q_7"}).status_code == 200
    assert post(app, BALLOT | {"targetId": "q_7"}).status_code == 404


@pytest.mark.parametrize("target", [{"targetId": "msg_456"}, {"targetId": "unknown"}, {"targetType": "message"}])
def test_answer_is_404_when_there_is_no_such_target_of_this_type(
    app: Flask, database: Database, target: Document
) -> None:
    before = snapshot(database)
    response = post(app, BALLOT | target)
    assert (response.status_code, response.get_json()) == (404, {"error": "Not found"})
    assert snapshot(database) == before


# -- Parameters


@pytest.mark.parametrize("name", ["targetId", "targetType"])
@pytest.mark.parametrize("value", ["", None, 0, 1.5, True, False, [], ["q_123"], {}, {"$ne": ""}, {"$gt": ""}])
def test_parameter_is_missing_when_it_is_empty_or_no_string(
    app: Flask, database: Database, name: str, value: object
) -> None:
    before = snapshot(database)
    response = post(app, BALLOT | {name: value, "voteType": "sideways"})
    assert (response.status_code, response.get_json()) == (400, {"error": "Missing parameters"})
    assert snapshot(database) == before


@pytest.mark.parametrize(
    "value", ["Question", "QUESTION", "question ", "entry", "post", "comment", "users", "$question"]
)
def test_target_type_is_invalid_when_it_is_neither_question_nor_message(app: Flask, value: str) -> None:
    response = post(app, BALLOT | {"targetType": value})
    assert (response.status_code, response.get_json()) == (400, {"error": "Invalid target type"})


@pytest.mark.parametrize(
    "value", [None, "", "Up", "UP", "up ", "like", 1, True, [], ["up"], {}, {"$ne": ""}, {"up": 1}]
)
def test_vote_type_is_invalid_when_it_is_there_and_neither_up_nor_down(
    app: Flask, database: Database, value: object
) -> None:
    before = snapshot(database)
    response = post(app, BALLOT | {"voteType": value})
    assert (response.status_code, response.get_json()) == (400, {"error": "Invalid vote type"})
    assert snapshot(database) == before


# -- Sessions


@pytest.mark.parametrize("vector", load(), ids=lambda vector: vector.name)
def test_voter_is_the_user_of_the_session_that_next_auth_made(database: Database, vector: Vector) -> None:
    own_name = vector.cookie.removeprefix("__Secure-") not in {COOKIE, "authjs.session-token"}
    # Not by way of the variable: one of these secrets has a comma in it.
    hosts = replace(settings(), nextauth_secrets=vector.secrets, nextauth_cookie=vector.cookie if own_name else None)
    app = create_app(hosts, database)
    cookie = "; ".join(f"{name}={value}" for name, value in vector.cookies.items())
    response = post(app, headers={"Cookie": cookie})
    votes = database["questions"].find_one({"_id": "q_123"}) or {}
    if vector.user is None or vector.expired:
        assert (response.status_code, response.get_json()) == (401, {"error": "Unauthorized"})
        assert votes["likedBy"] == ["bob", "carol"]
    else:
        assert (response.status_code, response.get_json()["liked"]) == (200, True)
        assert votes["likedBy"] == ["bob", "carol", vector.user]


@pytest.mark.parametrize(("user", "voter"), [("ada", "ada"), (ObjectId(HEX), HEX)])
def test_voter_is_the_user_of_a_database_session_while_it_lasts(
    app: Flask, database: Database, user: object, voter: str
) -> None:
    now = datetime.now(UTC)
    database["users"].insert_one({"_id": user})
    database["sessions"].insert_many(
        [
            {"sessionToken": "live", "userId": user, "expires": now + timedelta(hours=1)},
            {"sessionToken": "over", "userId": user, "expires": now - timedelta(seconds=1)},
            {"sessionToken": "orphan", "userId": "nobody", "expires": now + timedelta(hours=1)},
        ]
    )
    for token in ("over", "orphan", "unknown"):
        assert post(app, headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401
    assert post(app, headers={"Cookie": f"{COOKIE}=live"}).status_code == 200
    assert database["questions"].find_one({"_id": "q_123"})["likedBy"] == ["bob", "carol", voter]  # type: ignore[index]


# -- The limit


def test_answer_is_429_with_retry_after_when_a_user_votes_too_often(database: Database) -> None:
    app = create_app(settings(RATELIMIT_ENABLED="true", LIMIT_QA_VOTE="3/hour"), database)
    user = uuid4().hex
    assert post(app, BALLOT | {"voteType": "sideways"}, user=user).status_code == 400  # does not count
    assert [post(app, user=user).status_code for _ in range(3)] == [200, 200, 200]
    before = snapshot(database)
    refused = post(app, user=user)
    assert (refused.status_code, refused.get_json()) == (429, {"error": "Too many requests"})
    assert int(refused.headers["Retry-After"]) == 3600
    assert snapshot(database) == before
    assert post(app, user=uuid4().hex).status_code == 200


# -- Headers, methods and other URLs


def test_answer_is_plain_json_in_utf_8_when_all_is_well(app: Flask) -> None:
    response = post(app)
    assert response.content_type == "application/json"
    assert "Set-Cookie" not in response.headers
    assert json.loads(response.data.decode("utf-8"))["action"] == "liked"


@pytest.mark.parametrize("given", ["7f0c", "a.b_c~d:e+f/g=h-9", "x" * 128])
@pytest.mark.parametrize("user", ["ada", None])
def test_request_id_is_echoed_when_it_is_well_formed(app: Flask, given: str, user: str | None) -> None:
    assert post(app, user=user, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", '"><script>', "é"])
def test_request_id_is_made_when_it_is_missing_or_malformed(app: Flask, given: str | None) -> None:
    first, second = (post(app, headers={"X-Request-ID": given}).headers["X-Request-ID"] for _ in range(2))
    assert len(first) == len(second) == 32
    assert first != second


@pytest.mark.parametrize(
    "media_type", ["application/json;charset=utf-8", "APPLICATION/JSON", "application/json; charset=iso-8859-1"]
)
def test_vote_counts_when_the_media_type_is_json_in_other_words(app: Flask, media_type: str) -> None:
    assert post(app, headers={"Content-Type": media_type}).status_code == 200


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "json",
        "text/json",
        "application/jsonp",
        "application/problem+json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain, application/json",
    ],
)
def test_answer_is_415_when_the_media_type_is_another(app: Flask, media_type: str | None) -> None:
    response = post(app, headers={"Content-Type": media_type})
    assert (response.status_code, response.get_json()) == (415, {"error": "Content-Type must be application/json"})


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_answer_is_405_with_allow_when_the_method_is_wrong(app: Flask, method: str) -> None:
    response = app.test_client().open(URL, method=method, headers={"Cookie": session_of("ada")})
    assert (response.status_code, response.get_json()) == (405, {"error": "Method not allowed"})
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert response.headers["X-Request-ID"]


def test_head_and_options_are_answered_without_a_body(app: Flask) -> None:
    head = app.test_client().head(URL)
    options = app.test_client().options(URL)
    assert (head.status_code, head.data) == (405, b"")
    assert (options.status_code, options.data) == (200, b"")
    assert set(options.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    "path", ["/api/likes/", "/api/likes/q_123", "/api", "/nothing", "//api/likes", "/api/likes%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answer_is_404_as_json_when_the_url_is_unknown(app: Flask, method: str, path: str) -> None:
    response = app.test_client().open(path, method=method, json=BALLOT, headers={"Cookie": session_of("ada")})
    assert (response.status_code, response.get_json()) == (404, {"error": "Not found"})
    assert response.headers["X-Request-ID"]
