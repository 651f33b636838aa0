"""Lists of the host API: who voted on a target, and what the caller voted on. Source: ``CONTRACTS.md``, section 8."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo import MongoClient

from likes_api.app import create_app
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, Vote
from tests.support import diaspora, host
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.host import ADA, BOB, FORGED, GUEST, NOT_FOUND, TARGETS, UNAUTHORIZED, Caller, refused
from tests.support.moved import move
from tests.support.settings import settings

PRIVATE = refused(403, "Voters are private")
SCOPE = refused(403, "insufficient_scope")
NOBODY: dict[str, Any] = {"voters": [], "guests": 0, "total": 0, "next": None}
HEX = "5f0000000000000000000001"


@pytest.fixture(autouse=True)
def _indexes(database: Database) -> None:
    collections.ensure_indexes(database, collections.VOTES)


@pytest.fixture(scope="module")
def app_for(watched: MongoClient[Document], module_database: Database, issuers: str) -> Callable[[str], Flask]:
    made: dict[str, Flask] = {}

    def make(voters: str) -> Flask:
        if voters not in made:
            made[voters] = create_app(settings(VOTERS=voters, JWT_ISSUERS=issuers), watched[module_database.name])
        return made[voters]

    return make


def voters_url(type_: str, id_: str) -> str:
    return host.vote_url(type_, id_).removesuffix("vote") + "voters"


def voters(app: Flask, caller: Caller, type_: str, query: str = "") -> tuple[int, Any]:
    return outcome(caller.ask(app, "GET", voters_url(type_, TARGETS[type_]) + query))


def votes(app: Flask, caller: Caller, query: str = "") -> tuple[int, Any]:
    return outcome(caller.ask(app, "GET", "/api/me/votes" + query))


def cast(database: Database, type_: str, voter: str, vote: Vote = Vote.UP, id_: str | None = None) -> None:
    VoteRepository(database).set(Target(TargetKind(type_), id_ or TARGETS[type_]), voter, vote)


# -- Who voted


@pytest.mark.parametrize("moved", [False, True])
def test_voters_are_named_and_guests_counted_page_by_page(
    app_for: Callable[[str], Flask], database: Database, *, moved: bool
) -> None:
    app = app_for("everyone")
    for voter in ("guest_a", "guest_b", "zoe", HEX, "ada", diaspora.BOB):
        cast(database, "entry", voter)
    if moved:
        move(database, Target(TargetKind.ENTRY, TARGETS["entry"]))
    database["users"].insert_many(
        [{"_id": "ada", "name": "Ada"}, {"_id": ObjectId(HEX), "name": "Hexa"}, {"_id": "zoe", "name": ""}]
    )
    shown = [{"id": HEX, "name": "Hexa"}, {"id": "ada", "name": "Ada"}, {"id": diaspora.BOB}, {"id": "zoe"}]
    names = {each["_id"]: each["name"] for each in database["likes_people"].find()}
    shown[2]["name"] = names[diaspora.BOB]
    response = GUEST.ask(app, "GET", voters_url("entry", TARGETS["entry"]) + "?limit=3")
    assert response.headers["Cache-Control"] == "private, no-store"
    first = response.get_json()
    assert first == {"voters": shown[:3], "guests": 2, "total": 6, "next": first["next"]}
    second = voters(app, GUEST, "entry", f"?limit=3&cursor={first['next']}")
    assert second == (200, {"voters": shown[3:], "guests": 2, "total": 6, "next": None})
    database["likes_entries"].delete_one({"_id": TARGETS["entry"]})


def test_downvoters_are_a_list_of_their_own(app_for: Callable[[str], Flask], database: Database) -> None:
    app = app_for("everyone")
    cast(database, "question", "ada")
    cast(database, "question", "bob", Vote.DOWN)
    assert voters(app, GUEST, "question")[1]["voters"] == [{"id": "ada"}]
    assert voters(app, GUEST, "question", "?vote=down") == (
        200,
        {"voters": [{"id": "bob"}], "guests": 0, "total": 1, "next": None},
    )


def test_voters_of_open_targets_are_for_whom_the_setting_says(
    app_for: Callable[[str], Flask], database: Database
) -> None:
    person, service = host.person(database), host.service(database, "votes:read")
    for type_ in ("entry", "question", "message"):
        for setting, caller, expected in (
            *(("nobody", each, PRIVATE) for each in (GUEST, ADA, person)),
            *(("users", each, UNAUTHORIZED) for each in (GUEST, person)),
            ("users", ADA, (200, NOBODY)),
            *(("everyone", each, (200, NOBODY)) for each in (GUEST, ADA, person)),
            *((each, service, (200, NOBODY)) for each in ("nobody", "users", "everyone")),
        ):
            assert voters(app_for(setting), caller, type_) == expected, (type_, setting)


def test_a_missing_target_is_not_found_before_voters_are_private(
    app_for: Callable[[str], Flask], database: Database
) -> None:
    for setting in ("nobody", "users", "everyone"):
        for type_ in ("entry", "question", "message"):
            response = GUEST.ask(app_for(setting), "GET", voters_url(type_, "none"))
            assert outcome(response) == NOT_FOUND


def test_voters_of_posts_and_comments_go_by_the_rules_of_contract_3(
    app_for: Callable[[str], Flask], database: Database
) -> None:
    bob, reader = host.person(database), host.person(database, scopes={"public:read"})
    carol, unscoped = host.person(database, diaspora.CAROL), host.person(database, scopes={"interactions"})
    not_allowed = refused(422, "User is not allowed to like")
    for setting in ("nobody", "everyone"):
        app = app_for(setting)
        for caller, post, expected in (
            (bob, diaspora.PUBLIC, (200, NOBODY)),
            (bob, diaspora.SHARED, (200, NOBODY)),
            (reader, diaspora.PUBLIC, (200, NOBODY)),
            (reader, diaspora.SHARED, not_allowed),
            (carol, diaspora.SHARED, NOT_FOUND),
            (bob, diaspora.SECRET, NOT_FOUND),
            (unscoped, diaspora.PUBLIC, SCOPE),
            (ADA, diaspora.PUBLIC, UNAUTHORIZED),
            (GUEST, diaspora.PUBLIC, UNAUTHORIZED),
            (host.service(database, "votes:read"), diaspora.SECRET, (200, NOBODY)),
            (host.service(database, "admin"), diaspora.PUBLIC, SCOPE),
        ):
            for url in (voters_url("post", post), voters_url("comment", diaspora.comment_on(post))):
                assert outcome(caller.ask(app, "GET", url)) == expected, (post, url)


def test_an_entry_that_a_like_would_make_has_no_voters(watched: MongoClient[Document], database: Database) -> None:
    app = create_app(settings(VOTERS="everyone", ENTRIES_FROM="blog-.+"), watched[database.name])
    assert outcome(GUEST.ask(app, "GET", voters_url("entry", "blog-1"))) == (200, NOBODY)
    assert database["likes_entries"].find_one({"_id": "blog-1"}) is None


# -- What somebody voted on


def test_votes_are_those_of_the_callers_own_types_in_order(app: Flask, database: Database) -> None:
    for type_ in TARGETS:
        cast(database, type_, "ada", Vote.DOWN if type_ == "message" else Vote.UP)
        cast(database, type_, diaspora.BOB)
    mine = [{"type": type_, "id": TARGETS[type_], "vote": 1} for type_ in sorted(TARGETS)]
    mine[2]["vote"] = -1
    of_users = [mine[1], mine[2], mine[4]]
    assert votes(app, ADA) == (200, {"votes": of_users, "next": None})
    assert votes(app, ADA, "?vote=down") == (200, {"votes": [mine[2]], "next": None})
    assert votes(app, ADA, "?type=question&vote=up") == (200, {"votes": [mine[4]], "next": None})
    assert votes(app, ADA, "?type=question&vote=down") == (200, {"votes": [], "next": None})
    of_people = (200, {"votes": [mine[0], mine[3]], "next": None})
    assert votes(app, host.person(database)) == of_people
    service = host.service(database, "votes:read")
    assert votes(app, service.for_("ada")) == (200, {"votes": mine, "next": None})
    first = votes(app, service.for_("ada"), "?limit=4")[1]
    assert first["votes"] == mine[:4]
    assert votes(app, service.for_("ada"), f"?limit=4&cursor={first['next']}") == (
        200,
        {"votes": mine[4:], "next": None},
    )


def test_private_posts_are_listed_for_tokens_that_may_read_them(app: Flask, database: Database) -> None:
    for post in (diaspora.PUBLIC, diaspora.SHARED, diaspora.BOBS_OWN):
        cast(database, "post", diaspora.BOB, id_=post)
        cast(database, "comment", diaspora.BOB, id_=diaspora.comment_on(post))
    every = sorted([diaspora.PUBLIC, diaspora.SHARED, diaspora.BOBS_OWN])
    for scopes, posts in ((diaspora.EVERY_SCOPE, every), ({"public:read"}, [diaspora.PUBLIC])):
        listed = votes(app, host.person(database, scopes=scopes))[1]["votes"]
        assert [each["id"] for each in listed if each["type"] == "post"] == posts
        assert {each["id"] for each in listed if each["type"] == "comment"} == {
            diaspora.comment_on(post) for post in posts
        }


def test_votes_need_the_scopes_of_what_is_listed(app: Flask, database: Database) -> None:
    assert votes(app, host.person(database, scopes={"interactions"})) == SCOPE
    assert votes(app, host.service(database, "votes:write").for_("ada")) == SCOPE
    reader = host.service(database, "votes:read")
    assert votes(app, reader) == refused(400, "Likes-On-Behalf-Of is missing")
    assert votes(app, reader.for_("guest_x")) == refused(400, "Invalid Likes-On-Behalf-Of")
    for caller, type_ in ((ADA, "post"), (ADA, "comment"), (host.person(database), "entry")):
        assert votes(app, caller, f"?type={type_}") == UNAUTHORIZED


def test_a_guest_has_votes_where_guests_may_like(app: Flask, guest_app: Flask, database: Database) -> None:
    assert votes(app, GUEST) == UNAUTHORIZED
    assert GUEST.put(guest_app, "entry", "plain", 1).status_code == 200
    expected = {"votes": [{"type": "entry", "id": "plain", "vote": 1}], "next": None}
    assert votes(guest_app, GUEST) == (200, expected)
    assert votes(guest_app, GUEST, "?type=question") == UNAUTHORIZED


# -- Bad input


def test_invalid_credentials_are_unauthorized_on_lists(app_for: Callable[[str], Flask], database: Database) -> None:
    for caller in FORGED:
        assert voters(app_for("everyone"), caller, "entry") == UNAUTHORIZED
        assert votes(app_for("everyone"), caller) == UNAUTHORIZED


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "1e1", "", " 1", "٣", "9" * 5000, "null", "%00"])
def test_limit_is_refused_when_it_is_none(app_for: Callable[[str], Flask], database: Database, limit: str) -> None:
    assert voters(app_for("everyone"), GUEST, "entry", f"?limit={limit}") == refused(400, "Invalid limit")
    assert votes(app_for("everyone"), ADA, f"?limit={limit}") == refused(400, "Invalid limit")


def test_types_and_votes_are_refused_when_there_are_none_such(
    app_for: Callable[[str], Flask], database: Database
) -> None:
    app = app_for("everyone")
    for word in ("", "UP", "1", "up,down", "%00", "{}"):
        assert voters(app, GUEST, "entry", f"?vote={word}") == refused(400, "Invalid vote")
        assert votes(app, ADA, f"?vote={word}") == refused(400, "Invalid vote")
        assert votes(app, ADA, f"?type={word}") == refused(400, "Invalid target type")
    assert outcome(GUEST.ask(app, "GET", voters_url("person", "x"))) == refused(400, "Invalid target type")


def test_cursors_are_refused_when_garbled_or_of_another_list(
    app_for: Callable[[str], Flask], database: Database
) -> None:
    app, invalid = app_for("everyone"), refused(400, "Invalid cursor")
    for voter in ("ada", "bob"):
        for type_ in ("question", "message", "entry"):
            cast(database, type_, voter)
    of_voters = voters(app, GUEST, "question", "?limit=1")[1]["next"]
    of_votes = votes(app, ADA, "?limit=1")[1]["next"]
    assert voters(app, GUEST, "question", f"?limit=100&cursor={of_voters}")[0] == 200
    assert votes(app, ADA, f"?limit=100&cursor={of_votes}")[0] == 200
    garbled = ("", "x", "%00", "%ff", "é", of_voters[:-1], f"{of_voters}x", f".{of_votes}", "A" * 4000, "..", "[]")
    for cursor in (*garbled, of_votes):
        assert voters(app, GUEST, "question", f"?cursor={cursor}") == invalid, cursor
    for type_, query in (("message", ""), ("entry", ""), ("question", "&vote=down")):
        assert voters(app, GUEST, type_, f"?cursor={of_voters}{query}") == invalid
    for cursor in (*garbled, of_voters):
        assert votes(app, ADA, f"?cursor={cursor}") == invalid, cursor
    for caller, query in ((BOB, ""), (ADA, "&type=entry"), (ADA, "&vote=up")):
        assert votes(app, caller, f"?cursor={of_votes}{query}") == invalid


def test_lists_count_against_the_limit_of_status_after_bad_input_and_not_for_services(
    watched: MongoClient[Document], database: Database
) -> None:
    limited = settings(RATELIMIT_ENABLED="true", LIMIT_STATUS="2/minute", VOTERS="everyone")
    app = create_app(limited, watched[database.name])
    service = host.service(database, "votes:read")
    for _ in range(3):
        assert votes(app, ADA, "?limit=0") == refused(400, "Invalid limit")
        assert voters(app, service, "entry") == (200, NOBODY)
        assert votes(app, service.for_("ada"))[0] == 200
    assert votes(app, ADA)[0] == 200
    assert voters(app, GUEST, "entry")[0] == 200
    assert votes(app, ADA) == refused(429, "Too many requests")
    response = GUEST.ask(app, "GET", voters_url("entry", "none"))
    assert outcome(response) == refused(429, "Too many requests")
    assert int(response.headers["Retry-After"]) > 0


# -- Round trips


@pytest.mark.parametrize("moved", [False, True])
def test_lists_are_few_round_trips(
    app_for: Callable[[str], Flask], database: Database, counted: CountedCommands, *, moved: bool
) -> None:
    app = app_for("everyone")
    for number in range(30):
        cast(database, "question", f"u{number}")
    if moved:
        move(database, Target(TargetKind.QUESTION, TARGETS["question"]))
    voters(app, GUEST, "question")
    with counted.during() as commands:
        assert len(voters(app, GUEST, "question", "?limit=20")[1]["voters"]) == 20
    # The target, once more where it is moved; the page; the names.
    assert commands == ["aggregate"] * (4 if moved else 3)
    with counted.during() as commands:
        assert votes(app, ADA)[0] == 200
    assert commands == ["aggregate"]
    database["questions"].delete_one({"_id": TARGETS["question"]})
