"""``POST /api/votes/status`` on the real server: the state of a page's targets, for whoever asks."""

from typing import Any

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from likes_api.votes import Target, TargetKind
from tests.support import diaspora
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.host import (
    ADA,
    BOB,
    COLLECTIONS,
    COMMENT,
    FORGED,
    GUEST,
    POST,
    TARGETS,
    UNAUTHORIZED,
    Caller,
    boost_of,
    person,
    refused,
    service,
    state,
)
from tests.support.moved import move
from tests.support.settings import settings

URL = "/api/votes/status"
INVALID = refused(400, "Invalid targets")
ALL = tuple(TARGETS.items())


def one(type_: str, upvotes: int, vote: int, reason: str | None = None, id_: str | None = None) -> dict[str, Any]:
    boost = boost_of(type_) if id_ is None else 0
    given = {"type": type_, "id": id_ or TARGETS[type_], "allowed": reason is None, "reason": reason}
    return state(upvotes, vote, boost=boost) | given


def test_status_is_that_of_each_target_asked_for_in_that_order(app: Flask, database: Database) -> None:
    ADA.put(app, "question", "q/1", 1)
    ADA.put(app, "message", "m", -1)
    BOB.put(app, "entry", "plain", 1)
    asked = [("message", "m"), ("entry", "none"), ("entry", "plain"), ("question", "q/1"), ("message", "m")]
    message = one("message", 0, -1) | {"downvotes": 1}
    assert ADA.status(app, *asked) == [message, one("entry", 1, 0), one("question", 1, 1), message]
    assert ADA.status(app, ("entry", "none"), ("question", "none"), ("post", "none")) == []


def test_answer_is_kept_by_nobody_and_needs_no_origin_of_ours(app: Flask, database: Database) -> None:
    body = {"targets": [{"type": "entry", "id": "plain", "more": 1}], "more": 1}
    response = ADA.ask(app, "POST", URL, body, {"Origin": "https://elsewhere.example"})
    assert response.get_json() == {"targets": [one("entry", 0, 0)]}
    assert list(response.get_json()["targets"][0]) == [
        "type",
        "id",
        "upvotes",
        "downvotes",
        "count",
        "vote",
        "allowed",
        "reason",
    ]
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in response.headers


def test_reason_says_why_the_caller_may_not_vote(app: Flask, guest_app: Flask, database: Database) -> None:
    entries = [("entry", id_) for id_ in ("plain", "locked", "guests", "members")]
    asked = [*entries, ("question", "q/1"), ("message", "m")]

    def reasons(each: Flask, caller: Caller) -> list[str | None]:
        found = caller.status(each, *asked)
        assert [one["allowed"] for one in found] == [one["reason"] is None for one in found]
        return [one["reason"] for one in found]

    assert reasons(app, ADA) == [None, "locked", None, None, None, None]
    assert reasons(app, GUEST) == ["login", "locked", None, "login", "login", "login"]
    assert reasons(guest_app, GUEST) == [None, "locked", None, "login", "login", "login"]
    assert reasons(app, person(database)) == ["login", "locked", "login", "login", "login", "login"]
    assert reasons(app, service(database)) == ["login", "locked", "login", "login", "login", "login"]
    assert reasons(app, service(database).for_("ada")) == [None, "locked", None, None, None, None]


def test_what_a_put_is_answered_is_what_the_status_said(app: Flask, guest_app: Flask, database: Database) -> None:
    asked = [*ALL, *(("entry", id_) for id_ in ("locked", "guests", "members"))]
    asked += [("post", diaspora.SHARED), ("post", diaspora.SECRET), ("comment", diaspora.comment_on(diaspora.SHARED))]
    database["likes_posts"].insert_one({"_id": "of-carol", "author": diaspora.CAROL, "public": True})
    asked.append(("post", "of-carol"))
    alice = person(database, diaspora.ALICE)
    callers = [ADA, GUEST, person(database), alice, person(database, scopes=["public:read"])]
    callers.append(person(database, scopes=["interactions"]))
    for each in (app, guest_app):
        for caller in callers:
            said = {(found["type"], found["id"]): found["allowed"] for found in caller.status(each, *asked)}
            for type_, id_ in asked:
                taken = caller.put(each, type_, id_, 1).status_code == 200
                assert taken is said.get((type_, id_), False), (type_, id_, caller)


def test_posts_and_comments_are_those_that_the_person_may_see(app: Flask, database: Database) -> None:
    posts = [("post", id_) for id_ in diaspora.POSTS]
    asked = [*posts, *(("comment", diaspora.comment_on(id_)) for id_ in diaspora.POSTS)]
    bob, carol = person(database), person(database, diaspora.CAROL)
    visible = [diaspora.PUBLIC, diaspora.SHARED, diaspora.BOBS_OWN]
    visible += [diaspora.comment_on(id_) for id_ in visible]
    assert [each["id"] for each in bob.status(app, *asked)] == visible
    assert [each["id"] for each in service(database).for_(diaspora.BOB).status(app, *asked)] == visible
    assert [each["id"] for each in carol.status(app, *asked)] == [POST, COMMENT]
    assert [each["id"] for each in person(database, scopes=["public:read"]).status(app, *asked)] == [POST, COMMENT]
    assert person(database, scopes=["interactions", "private:read"]).status(app, *asked) == []
    assert ADA.status(app, *asked) == []
    assert GUEST.status(app, *asked) == []
    # A service that asks for nobody sees them all, and may vote on none.
    everything = service(database, "votes:read").status(app, *asked)
    assert [(each["type"], each["id"]) for each in everything] == asked
    assert {each["reason"] for each in everything} == {"login"}
    # A comment whose post is gone is nobody's to see.
    database["likes_posts"].delete_one({"_id": POST})
    assert bob.status(app, ("comment", COMMENT)) == []


def test_person_whom_the_author_ignores_is_not_allowed_to_like(app: Flask, database: Database) -> None:
    bob = person(database)
    bob.put(app, "comment", COMMENT, 1)
    database["likes_people"].update_one({"_id": diaspora.ALICE}, {"$set": {"ignores": [diaspora.BOB]}})
    assert bob.status(app, ("post", POST), ("comment", COMMENT)) == [
        one("post", 0, 0, "not_allowed"),
        one("comment", 1, 1, "not_allowed"),
    ]


@pytest.mark.parametrize("caller", FORGED)
def test_answer_is_401_when_the_credential_is_not_valid(app: Flask, database: Database, caller: Caller) -> None:
    for body in ({"targets": [{"type": "entry", "id": "plain"}]}, b"{"):
        assert outcome(caller.ask(app, "POST", URL, body)) == UNAUTHORIZED


def test_service_needs_the_scope_to_read(app: Flask, database: Database) -> None:
    writes = service(database, "votes:write")
    for caller in (writes, writes.for_("ada")):
        answer = caller.ask(app, "POST", URL, {"targets": [{"type": "entry", "id": "plain"}]})
        assert outcome(answer) == refused(403, "insufficient_scope")
    nobody = service(database).for_("guest_1")
    answer = nobody.ask(app, "POST", URL, {"targets": [{"type": "entry", "id": "plain"}]})
    assert outcome(answer) == refused(400, "Invalid Likes-On-Behalf-Of")


ENTRY = {"type": "entry", "id": "plain"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"targets": []},
        {"targets": {}},
        {"targets": None},
        {"targets": "entry"},
        {"targets": [ENTRY] * 201},
        {"targets": [ENTRY, "entry"]},
        {"targets": [[]]},
        {"targets": [None]},
        {"targets": [{"id": "plain"}]},
        {"targets": [{"type": "entry"}]},
        {"targets": [{"type": "page", "id": "plain"}]},
        {"targets": [{"type": ["entry"], "id": "plain"}]},
        {"targets": [{"type": None, "id": "plain"}]},
        {"targets": [ENTRY, {"type": "entry", "id": ""}]},
        {"targets": [{"type": "entry", "id": 1}]},
        {"targets": [{"type": "entry", "id": {"$ne": ""}}]},
        {"targets": [{"type": "entry", "id": None}]},
    ],
)
def test_answer_is_400_when_the_targets_are_malformed(app: Flask, database: Database, body: object) -> None:
    assert outcome(ADA.ask(app, "POST", URL, body)) == INVALID


def test_answer_is_415_and_400_when_the_body_is_no_json(app: Flask, database: Database) -> None:
    media = ADA.ask(app, "POST", URL, b"{}", {"Content-Type": "text/plain"})
    assert outcome(media) == refused(415, "Content-Type must be application/json")
    for body in (b"", b"[]", b'{"targets":', b"\xff", b'{"targets":[{"type":"entry","id":"\\ud800"}]}'):
        answer = ADA.ask(app, "POST", URL, body, {"Content-Type": "application/json"})
        assert outcome(answer) == refused(400, "Invalid JSON")


def test_body_may_have_128_kib_and_no_more(app: Flask, database: Database) -> None:
    ids = ["plain", *(f"{number}-{'x' * 560}" for number in range(199))]
    body: dict[str, Any] = {"targets": [{"type": "entry", "id": id_} for id_ in ids]}
    assert ADA.ask(app, "POST", URL, body).get_json() == {"targets": [one("entry", 0, 0)]}
    for size, status in ((128 * 1024, 200), (128 * 1024 + 1, 413)):
        padded = b'{"targets":[{"type":"entry","id":"plain"}]}'.ljust(size)
        answer = ADA.ask(app, "POST", URL, padded)
        assert answer.status_code == status
    assert answer.get_json() == {"error": "Request entity too large"}
    # The other routes keep their limit.
    assert ADA.ask(app, "PUT", "/api/targets/entry/plain/vote", b'{"value":1}'.ljust(16_385)).status_code == 413
    assert ADA.ask(app, "DELETE", "/api/targets/entry/plain/vote", b"x" * 16_385).status_code == 413


def test_limit_is_the_counter_of_contract_2s_status_and_leaves_services_alone(database: Database) -> None:
    app = create_app(settings(RATELIMIT_ENABLED="true", LIMIT_STATUS="3/minute"), database)
    body = {"targets": [ENTRY]}
    assert ADA.ask(app, "POST", URL, body).status_code == 200
    assert GUEST.ask(app, "GET", "/!/simple-likes/status?ids=plain").status_code == 200
    assert GUEST.get(app, "entry", "plain").status_code == 200
    for answer in (
        ADA.ask(app, "POST", URL, body),
        GUEST.get(app, "entry", "plain"),
        GUEST.ask(app, "GET", "/!/simple-likes/status?ids=plain"),
    ):
        assert outcome(answer) == refused(429, "Too many requests")
        assert "Retry-After" in answer.headers
    shop = service(database)
    assert len(shop.status(app, ("entry", "plain"))) == len(shop.for_("ada").status(app, ("entry", "plain"))) == 1


def test_status_changes_nothing(app: Flask, database: Database) -> None:
    bob = person(database)
    before = snapshot(database)
    for caller in (ADA, GUEST, bob):
        caller.status(app, *ALL, *((type_, "none") for type_ in TARGETS))
    assert snapshot(database) == before


def test_status_costs_a_round_trip_for_each_type_and_another_for_all_of_it_with_many_votes(
    app: Flask, database: Database, counted: CountedCommands
) -> None:
    asked = [(type_, id_) for type_, id_ in ALL for id_ in (id_, *(f"{type_}-{number}" for number in range(38)))]
    assert len(asked) == 195
    for type_, collection in COLLECTIONS.items():
        fields = {"post": {"author": diaspora.ALICE, "public": True}, "comment": {"post": POST, "author": "x"}}
        database[collection].insert_many({"_id": f"{type_}-{n}", **fields.get(type_, {})} for n in range(38))
    for caller, types, own in ((ADA, 3, 0), (person(database), 5, 1)):
        with counted.during() as names:
            assert len(caller.status(app, *asked)) == types * 39
        assert len(names) == types + own
    votes = {"likedBy": ["ada", diaspora.BOB], "upvotes": 2}
    for type_, id_ in ALL:
        database[COLLECTIONS[type_]].update_one({"_id": id_}, {"$set": votes})
        move(database, Target(TargetKind(type_), id_))
    for caller, types, own in ((ADA, 3, 0), (person(database), 5, 1)):
        with counted.during() as names:
            found = caller.status(app, *asked)
        assert len(names) == 2 * types + own
        mine = (1, 1, 1) if caller is ADA else (0, 0, 0, 1, 1)
        assert tuple(each["vote"] for each in found if each["upvotes"]) == mine
    for type_, id_ in ALL:
        database[COLLECTIONS[type_]].delete_one({"_id": id_})
