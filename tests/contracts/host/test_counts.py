"""``GET /api/counts`` on the real server: what a page that is cached may show to everybody."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from werkzeug.test import TestResponse

from harness.documents import emptied_afterwards, snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from likes_api.votes import Target, TargetKind
from tests.support.commands import CountedCommands
from tests.support.moved import move
from tests.support.qa_votes import session_of
from tests.support.settings import settings

INVALID = (400, {"error": "Invalid targets"})


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["likes_entries"].insert_many(
            [{"_id": "a", "boost": 40, "upvotes": 2, "likedBy": ["ada", "bob"]}, {"_id": "a:b"}]
        )
        module_database["questions"].insert_one(
            {"_id": "q/1", "upvotes": 1, "likedBy": ["ada"], "downvotes": 1, "dislikedBy": ["bob"]}
        )
        module_database["messages"].insert_one({"_id": "m ü"})
        module_database["likes_posts"].insert_one({"_id": "p", "author": "x", "public": True})
        yield module_database


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    return create_app(settings(), module_database)


def ask(app: Flask, *targets: str, **headers: str) -> TestResponse:
    query = urlencode([("target", target) for target in targets])
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client(use_cookies=False).get(f"/api/counts?{query}", headers=given)


def counted(upvotes: int, downvotes: int, count: int) -> dict[str, int]:
    return {"upvotes": upvotes, "downvotes": downvotes, "count": count}


def test_counts_are_those_of_all_that_exist_in_the_order_asked_for(app: Flask, database: Database) -> None:
    response = ask(app, "question:q/1", "entry:a", "entry:none", "message:m ü", "entry:a:b", "entry:a")
    assert response.status_code == 200
    assert list(response.get_json()["targets"].items()) == [
        ("question:q/1", counted(1, 1, 1)),
        ("entry:a", counted(2, 0, 42)),
        ("message:m ü", counted(0, 0, 0)),
        ("entry:a:b", counted(0, 0, 0)),
    ]
    assert ask(app, "entry:none").get_json() == {"targets": {}}


def test_answer_may_be_kept_by_anybody_and_read_by_any_page_whoever_asks(app: Flask, database: Database) -> None:
    strangers = {"Cookie": session_of("ada"), "Authorization": "Bearer forged", "Origin": "https://elsewhere.example"}
    listed = create_app(settings(CORS_ORIGINS="https://elsewhere.example"), database)
    for asked, headers in ((app, {}), (app, strangers), (listed, strangers)):
        response = ask(asked, "entry:a", **headers)
        assert response.get_json() == {"targets": {"entry:a": counted(2, 0, 42)}}
        assert response.headers["Cache-Control"] == "public, max-age=5, stale-while-revalidate=30"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert {"Set-Cookie", "Vary", "Access-Control-Allow-Credentials"}.isdisjoint(response.headers)
        assert response.headers["ETag"].startswith('"')


def test_answer_is_304_without_a_body_when_the_counts_are_still_those_of_the_etag(
    app: Flask, database: Database
) -> None:
    tag = ask(app, "entry:a").headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = ask(app, "entry:a", If_None_Match=known)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"].startswith("public")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    database["likes_entries"].update_one({"_id": "a"}, {"$inc": {"boost": 1}})
    changed = ask(app, "entry:a", If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [""],
        ["a"],
        [":a"],
        ["entry:"],
        ["Entry:a"],
        ["post:p"],
        ["comment:c"],
        ["entry:a", "post:p"],
        [f"entry:{number}" for number in range(101)],
    ],
)
def test_answer_is_400_when_the_targets_are_none_too_many_of_another_type_or_without_an_id(
    app: Flask, database: Database, targets: list[str]
) -> None:
    response = ask(app, *targets)
    assert (response.status_code, response.get_json()) == INVALID
    assert response.headers["Cache-Control"] == "no-store"


def test_hundred_targets_are_answered(app: Flask, database: Database) -> None:
    assert ask(app, *[f"entry:{number}" for number in range(100)]).status_code == 200


@given(
    st.lists(st.one_of(st.text(), st.text().map("entry:{}".format), st.text().map("question:{}".format)), max_size=5)
)
def test_any_targets_are_200_or_400_and_change_nothing(
    app: Flask, module_database: Database, targets: list[str]
) -> None:
    before = snapshot(module_database)
    response = ask(app, *[target.encode(errors="replace").decode() for target in targets])
    assert response.status_code == 200 or (response.status_code, response.get_json()) == INVALID
    assert snapshot(module_database) == before


@given(st.binary(max_size=40))
def test_any_query_is_200_or_400(app: Flask, query: bytes) -> None:
    raw = query.decode("latin-1")
    response = app.test_client().get("/api/counts", query_string="target=" + raw)
    assert response.status_code == 200 or (response.status_code, response.get_json()) == INVALID


def test_counts_cost_a_round_trip_for_each_type_and_one_more_for_all_that_have_many_votes(
    database: Database, watched: MongoClient[Document], counted: CountedCommands
) -> None:
    app = create_app(settings(), watched[database.name])
    asked = [f"{kind}:{number}" for kind in ("entry", "question", "message") for number in range(30)]
    with counted.during() as names:
        ask(app, *asked)
    assert names == ["aggregate"] * 3
    move(database, Target(TargetKind.ENTRY, "a"))
    with counted.during() as names:
        assert ask(app, "entry:a", *asked).get_json()["targets"]["entry:a"]["count"] == 42
    assert names == ["aggregate"] * 4
