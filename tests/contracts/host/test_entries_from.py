"""``LIKES_ENTRIES_FROM``: entries that are made by their first like, through either contract, and read before."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from harness.documents import all_faults, snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.host import ADA, BOB, GUEST, NOT_FOUND, Caller, refused, state
from tests.support.idempotency import KEY
from tests.support.qa_votes import session_of
from tests.support.settings import settings
from tests.support.simple_likes import Visitor

NEW = "blog-1"
NO_VOTES = {"upvotes": 0, "downvotes": 0, "count": 0}


@pytest.fixture
def site(database: Database) -> Flask:
    return create_app(settings(ENTRIES_FROM="blog-[0-9]+|.*!.*"), database)


def test_entry_is_shown_without_votes_and_not_made_when_it_is_read(site: Flask, database: Database) -> None:
    before = snapshot(database)
    assert outcome(ADA.get(site, "entry", NEW)) == (200, state(0, 0))
    shown = {"type": "entry", "id": NEW, "allowed": True, "reason": None}
    assert ADA.status(site, ("entry", "other"), ("entry", NEW)) == [state(0, 0) | shown]
    assert GUEST.status(site, ("entry", NEW)) == [state(0, 0) | shown | {"allowed": False, "reason": "login"}]
    counts = GUEST.ask(site, "GET", f"/api/counts?target=entry:{NEW}&target=entry:other&target=question:{NEW}")
    assert counts.get_json() == {"targets": {f"entry:{NEW}": NO_VOTES}}
    assert Visitor(site, "ada").status(NEW, "other") == {NEW: {"count": 0, "liked": False}}
    assert snapshot(database) == before


def test_put_of_a_like_makes_the_entry_and_nothing_else_does(site: Flask, database: Database) -> None:
    before = snapshot(database)
    assert outcome(ADA.put(site, "entry", NEW, 0)) == (200, state(0, 0, changed=False))
    assert outcome(ADA.delete(site, "entry", NEW)) == (200, state(0, 0, changed=False))
    assert outcome(ADA.put(site, "entry", NEW, -1)) == refused(422, "No downvotes here")
    assert outcome(GUEST.put(site, "entry", NEW, 1)) == refused(401, "Please log in")
    assert outcome(Caller({"Cookie": "next-auth.session-token=x"}).put(site, "entry", NEW, 1))[0] == 401
    assert snapshot(database) == before
    assert outcome(ADA.put(site, "entry", NEW, 1)) == (200, state(1, 1, changed=True))
    assert outcome(ADA.put(site, "entry", NEW, 1)) == (200, state(1, 1, changed=False))
    assert outcome(ADA.put(site, "entry", NEW, 0)) == (200, state(0, 0, changed=True))
    assert database["likes_entries"].find_one(NEW) == {"_id": NEW, "likedBy": [], "dislikedBy": []} | {
        "upvotes": 0,
        "downvotes": 0,
    }


@pytest.mark.parametrize("key", [{}, {KEY: "once"}])
def test_toggle_makes_the_entry(site: Flask, database: Database, key: dict[str, str]) -> None:
    guest, ada = Visitor(site), Visitor(site, "ada")
    before = snapshot(database)
    assert outcome(guest.toggle(NEW, headers=key)) == refused(401, "Please log in")
    assert snapshot(database) == before
    for _ in range(2):
        assert outcome(ada.toggle(NEW, headers=key)) == (200, {"likes_count": 1, "user_has_liked": True})
        if not key:
            assert outcome(ada.toggle(NEW)) == (200, {"likes_count": 0, "user_has_liked": False})


def test_guest_makes_the_entry_where_guests_may_like(database: Database) -> None:
    site = create_app(settings(ENTRIES_FROM="blog-.*", GUEST_LIKES="true"), database)
    assert outcome(Visitor(site).toggle("blog-a")) == (200, {"likes_count": 1, "user_has_liked": True})
    assert outcome(GUEST.put(site, "entry", "blog-b", 1)) == (200, state(1, 1, changed=True))


@pytest.mark.parametrize("id_", ["blog-", "blog-1x", "xblog-1", "blog-1\n", "a!b", "!", "blog/1", "other"])
def test_entry_is_404_when_its_whole_id_does_not_match_or_is_none_of_an_entry(
    site: Flask, database: Database, id_: str
) -> None:
    before = snapshot(database)
    assert outcome(ADA.put(site, "entry", id_, 1)) == NOT_FOUND
    assert outcome(ADA.get(site, "entry", id_)) == NOT_FOUND
    assert outcome(ADA.put(site, "question", NEW, 1)) == NOT_FOUND
    assert snapshot(database) == before


def test_entry_is_404_when_the_setting_is_not_set(app: Flask, database: Database) -> None:
    assert outcome(ADA.put(app, "entry", NEW, 1)) == NOT_FOUND
    assert outcome(Visitor(app, "ada").toggle(NEW)) == refused(404, "Content not found")


def test_entry_is_made_once_with_every_like_when_many_come_first_at_once(site: Flask, database: Database) -> None:
    def like(number: int) -> int:
        if number % 2:
            caller = Caller({"Cookie": session_of(f"user-{number}")}, f"192.0.2.{number}")
            return caller.put(site, "entry", NEW, 1).status_code
        return Visitor(site, f"user-{number}").toggle(NEW, headers={KEY: f"key-{number}"}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(like, range(32))) == {200}
    assert outcome(BOB.get(site, "entry", NEW)) == (200, state(32, 0))
    assert all_faults(database) == []


def test_like_that_makes_an_entry_costs_one_round_trip_more(
    database: Database, counted: CountedCommands, watched: object
) -> None:
    site = create_app(settings(ENTRIES_FROM=".*"), watched[database.name])  # type: ignore[index]
    for id_, cost in ((NEW, 3), ("plain", 2), (NEW, 2)):
        caller = Caller({"Cookie": session_of("bob" if cost == 2 else "ada")})
        if id_ == "plain":
            ADA.put(site, "entry", "plain", 1)
        with counted.during() as names:
            assert caller.put(site, "entry", id_, 1).status_code == 200
        assert len(names) == cost
