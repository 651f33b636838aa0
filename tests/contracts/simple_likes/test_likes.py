"""Contract 2 on the real server: every status and body, and what each request costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.identity.guest import GuestIds
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.credentials.sessions import SessionRepository
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.qa_votes import session_of
from tests.support.settings import SECRET_KEY, settings
from tests.support.simple_likes import PREFIX, Visitor


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    return create_app(settings(), module_database)


@pytest.fixture(scope="module")
def guest_app(module_database: Database) -> Flask:
    return create_app(settings(GUEST_LIKES="true"), module_database)


def liked(count: int, own: bool) -> tuple[int, Any]:
    return 200, {"likes_count": count, "user_has_liked": own}


# -- Likes


def test_toggle_likes_and_unlikes_and_counts_the_boost_when_a_user_calls_it_again(
    app: Flask, database: Database
) -> None:
    ada, bob = Visitor(app, "ada"), Visitor(app, "bob")
    assert outcome(ada.toggle("boosted")) == liked(42, True)
    assert outcome(bob.toggle("boosted")) == liked(43, True)
    assert outcome(ada.toggle("boosted")) == liked(42, False)
    assert database["likes_entries"].find_one("boosted") == {
        "_id": "boosted",
        "boost": 41,
        "likedBy": ["bob"],
        "upvotes": 1,
        "dislikedBy": [],
        "downvotes": 0,
    }


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"entry": "plain"}', b"[]", b"null"])
def test_toggle_takes_no_body_or_any_json(app: Flask, database: Database, body: bytes) -> None:
    assert outcome(Visitor(app, "ada").toggle("plain", body)) == liked(1, True)


def test_toggle_keeps_the_surplus_when_a_host_imported_more_likes_than_likers(app: Flask, database: Database) -> None:
    database["likes_entries"].insert_one({"_id": "old", "boost": 2, "upvotes": 5, "likedBy": ["bob"]})
    assert outcome(Visitor(app, "ada").toggle("old")) == liked(8, True)
    assert outcome(Visitor(app, "bob").toggle("old")) == liked(7, False)
    database["likes_entries"].delete_one({"_id": "old"})


def test_guest_likes_once_per_address_and_browser_when_guests_may(guest_app: Flask, database: Database) -> None:
    guest = Visitor(guest_app, address="192.0.2.7")
    assert outcome(guest.toggle("plain")) == liked(1, True)
    assert outcome(Visitor(guest_app, address="192.0.2.7").toggle("plain")) == liked(0, False)
    assert outcome(guest.toggle("plain")) == liked(1, True)
    assert outcome(Visitor(guest_app, address="192.0.2.8").toggle("plain")) == liked(2, True)
    assert outcome(Visitor(guest_app, address="192.0.2.7", agent="Chrome").toggle("plain")) == liked(3, True)
    first, *_ = database["likes_entries"].find_one("plain")["likedBy"]
    assert first == GuestIds(SECRET_KEY).caller("192.0.2.7", "Firefox").id


def test_guest_is_one_when_an_ipv6_client_changes_its_address_within_its_64(
    guest_app: Flask, database: Database
) -> None:
    assert outcome(Visitor(guest_app, address="2001:db8:1:2::1").toggle("plain")) == liked(1, True)
    assert outcome(Visitor(guest_app, address="2001:db8:1:2:ffff::1").toggle("plain")) == liked(0, False)
    assert outcome(Visitor(guest_app, address="2001:db8:1:3::1").toggle("plain")) == liked(1, True)


def test_no_address_is_stored_when_a_guest_likes(database: Database) -> None:
    app = create_app(settings(GUEST_LIKES="true", RATELIMIT_ENABLED="true"), database)
    guest = Visitor(app, address="192.0.2.7")
    guest.toggle("plain")
    guest.status("plain")
    Visitor(app, "ada@example.com", address="192.0.2.7").toggle("members")
    everything = {name: list(database[name].find()) for name in database.list_collection_names()}
    assert "192.0.2.7" not in str(everything)


@pytest.mark.parametrize(
    ("entry", "off", "on"),
    [("plain", 401, 200), ("guests", 200, 200), ("members", 401, 401), ("locked", 403, 403), ("none", 404, 404)],
)
def test_entry_wins_over_the_setting_when_a_guest_likes(
    app: Flask, guest_app: Flask, database: Database, entry: str, off: int, on: int
) -> None:
    assert Visitor(app).toggle(entry).status_code == off
    assert Visitor(guest_app).toggle(entry).status_code == on


@pytest.mark.parametrize("cookie", ["x", "a.b.c.d.e", "a.b.c", "{'$ne': ''}", "%00", "0" * 64, "." * 4])
def test_forged_session_makes_nobody_a_guest(guest_app: Flask, database: Database, cookie: str) -> None:
    before = snapshot(database)
    forger = Visitor(guest_app, cookie=cookie)
    assert outcome(forger.toggle("guests")) == (401, {"error": "Please log in"})
    assert outcome(forger.toggle("locked")) == (403, {"error": "Likes disabled"})
    assert snapshot(database) == before


# -- Status


def test_status_tells_counts_and_own_likes_of_those_that_exist_in_the_order_asked_for(
    app: Flask, database: Database
) -> None:
    ada = Visitor(app, "ada")
    ada.toggle("plain")
    response = ada.get("status?ids=locked,none,plain,boosted,plain")
    assert list(response.get_json().items()) == [
        ("locked", {"count": 7, "liked": False}),
        ("plain", {"count": 1, "liked": True}),
        ("boosted", {"count": 41, "liked": False}),
    ]
    assert response.headers["Cache-Control"] == "private, no-store"
    assert Visitor(app, "bob").status("plain") == {"plain": {"count": 1, "liked": False}}
    assert Visitor(app).status("none") == {}


def test_status_shows_a_guest_the_guests_own_like_and_an_invalid_session_nobodys(
    guest_app: Flask, database: Database
) -> None:
    guest = Visitor(guest_app, address="192.0.2.7")
    guest.toggle("plain")
    assert guest.status("plain") == {"plain": {"count": 1, "liked": True}}
    forger = Visitor(guest_app, cookie="forged", address="192.0.2.7")
    assert forger.status("plain") == {"plain": {"count": 1, "liked": False}}


def test_status_takes_fifty_ids_and_no_more(app: Flask, database: Database) -> None:
    visitor = Visitor(app)
    fifty = [f"id-{number}" for number in range(50)]
    assert visitor.get(f"status?ids={','.join(fifty)}").status_code == 200
    assert outcome(visitor.get(f"status?ids={','.join(fifty)},x")) == (400, {"error": "Invalid request"})


@pytest.mark.parametrize(
    "query", ["", "?ids=", "?ids=,", "?ids=%20,+", "?ids=a.b", "?ids=%00,a%20b", "?ids=" + "x" * 256, "?ids[$ne]=a"]
)
def test_status_is_400_when_no_valid_id_is_left(app: Flask, query: str) -> None:
    assert outcome(Visitor(app).get(f"status{query}")) == (400, {"error": "Invalid request"})


@pytest.mark.parametrize(
    "query",
    [
        "plain,boosted,",
        "plain,,boosted",
        "%20plain%20,+boosted",
        "plain,%0A%09boosted",
        "plain,a.b,%00,pl%20ain,%FF,boosted",
        "plain," + "x" * 256 + ",boosted",
        "plain,,,,boosted" + ",%" * 60,
        "a.b&ids=&ids=plain&ids=boosted",
    ],
)
def test_status_trims_blanks_and_skips_empty_and_invalid_ids(app: Flask, database: Database, query: str) -> None:
    assert list(Visitor(app).get(f"status?ids={query}").get_json()) == ["plain", "boosted"]


# -- A page that another server writes


def test_toggle_counts_when_the_hosts_server_fetched_the_token_and_passed_its_cookie_on(
    app: Flask, database: Database
) -> None:
    """As README says, for pages whose script knows no 419."""
    host = app.test_client(use_cookies=False)
    fetched = host.get(f"{PREFIX}/csrf-token", headers={"Cookie": session_of("ada")})
    cookie = fetched.headers["Set-Cookie"].partition(";")[0]
    headers = {
        "Cookie": f"{session_of('ada')}; {cookie}",
        "X-CSRF-TOKEN": fetched.get_json()["csrf_token"],
        "Content-Type": "application/json",
    }
    toggled = app.test_client(use_cookies=False).post(f"{PREFIX}/plain/toggle", headers=headers)
    assert (toggled.status_code, toggled.get_json()) == (200, {"likes_count": 1, "user_has_liked": True})
    again = host.get(f"{PREFIX}/csrf-token", headers={"Cookie": headers["Cookie"]})
    assert "Set-Cookie" not in again.headers


# -- Cost


@pytest.fixture
def watched_app(watched: MongoClient[Document], database: Database) -> Flask:
    """The application with all limits at their defaults."""
    return create_app(settings(RATELIMIT_ENABLED="true", GUEST_LIKES="true"), watched[database.name])


def test_like_costs_two_round_trips_and_taking_it_back_three(watched_app: Flask, counted: CountedCommands) -> None:
    Visitor(watched_app, "bob").toggle("plain")  # the entry's very first like, which makes its fields, costs one more
    for visitor in (Visitor(watched_app, "ada"), Visitor(watched_app)):
        for votes in (1, 2):
            with counted.during() as names:
                assert visitor.toggle("plain").status_code == 200
            assert names == ["find", *["findAndModify"] * votes]


def test_toggle_costs_one_round_trip_more_when_the_session_is_in_the_database(
    watched_app: Flask, database: Database, counted: CountedCommands
) -> None:
    database["users"].insert_one({"_id": "grace"})
    token = SessionRepository(database).create("grace", timedelta(hours=1), datetime.now(UTC))
    grace = Visitor(watched_app, cookie=token)
    Visitor(watched_app, "bob").toggle("plain")
    with counted.during() as names:
        assert outcome(grace.toggle("plain")) == liked(2, True)
    assert names == ["aggregate", "find", "findAndModify"]


@pytest.mark.parametrize("number", [1, 50])
def test_status_costs_one_round_trip_whatever_the_number_of_ids(
    watched_app: Flask, counted: CountedCommands, number: int
) -> None:
    ada = Visitor(watched_app, "ada")
    with counted.during() as names:
        assert ada.status(*(f"e-{each}" for each in range(number))) == {}
    assert names == ["aggregate"]


@pytest.mark.parametrize(("entry", "trips"), [("no entry!", []), ("none", ["find"]), ("locked", ["find"])])
def test_refusal_costs_no_vote(watched_app: Flask, counted: CountedCommands, entry: str, trips: list[str]) -> None:
    ada = Visitor(watched_app, "ada")
    with counted.during() as names:
        assert ada.toggle(entry).status_code >= 400
    assert names == trips


def test_csrf_token_and_requests_without_one_cost_no_round_trip(watched_app: Flask, counted: CountedCommands) -> None:
    with counted.during() as names:
        ada = Visitor(watched_app, "ada")
        ada.toggle("plain", headers={"X-CSRF-TOKEN": None})
        ada.toggle("plain", headers={"Content-Type": None})
    assert names == []
