"""Contract 2 under hostile input: a documented error, no 5xx, nothing changed."""

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from harness.documents import emptied_afterwards, snapshot
from likes_api.app import create_app
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from tests.support.settings import settings
from tests.support.simple_likes import PREFIX, Visitor

REASONS = {400: "Invalid request", 404: "Content not found"}


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["likes_entries"].insert_one({"_id": "plain"})
        yield module_database


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    return create_app(settings(GUEST_LIKES="true"), module_database)


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (".", 400),
        ("..", 400),
        ("%2e%2e", 400),
        ("plain.", 400),
        ("x" * 256, 400),
        ("%00", 400),
        ("plain%00", 400),
        ("plain%0A", 400),
        ("plain%20", 400),
        ("%25", 400),
        ("%252F", 400),
        ("pl%E4in", 400),
        ("%FF%FE", 400),
        ("%D9%A1", 400),
        ("%F0%9F%92%96", 400),
        ("$where", 400),
        ('{"$ne":""}', 400),
        ("%", 400),
        ("x" * 255, 404),
        ("_id", 404),
        ("-", 404),
        ("toggle", 404),
        ("64b7f0c2a1b2c3d4e5f60718", 404),
    ],
)
def test_toggle_refuses_when_the_id_is_malformed_or_nobodys(
    app: Flask, database: Database, entry: str, status: int
) -> None:
    before = snapshot(database)
    response = Visitor(app, "ada").toggle(entry)
    assert (response.status_code, response.get_json()) == (status, {"error": REASONS[status]})
    assert snapshot(database) == before


@pytest.mark.parametrize("path", ["", "/", "/plain", "//toggle", "/a/b/toggle", "/plain/toggle/", "/x/y"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_answer_is_404_as_json_when_the_url_is_unknown(app: Flask, path: str, method: str) -> None:
    response = app.test_client().open(f"{PREFIX}{path}", method=method)
    assert (response.status_code, response.get_json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "plain/toggle", "POST"),
        ("GET", "a%2Fb/toggle", "POST"),
        ("DELETE", "plain/toggle", "POST"),
        ("POST", "status", "GET"),
        ("PUT", "csrf-token", "GET"),
    ],
)
def test_answer_is_405_with_allow_when_the_method_is_wrong(app: Flask, method: str, path: str, allowed: str) -> None:
    response = app.test_client().open(f"{PREFIX}/{path}", method=method)
    assert (response.status_code, list(response.get_json())) == (405, ["error"])
    assert allowed in response.headers["Allow"]


@pytest.mark.parametrize(
    "body", [b"{", b"\x00", b"nul", b"{'a': 1}", b"\xff", b'{"a":1,"a":2}', b"NaN", b"[" * 9_000, b"[1]x"]
)
def test_toggle_is_400_when_the_body_is_not_json(app: Flask, database: Database, body: bytes) -> None:
    before = snapshot(database)
    response = Visitor(app, "ada").toggle("plain", body)
    assert (response.status_code, response.get_json()) == (400, {"error": "Invalid request"})
    assert snapshot(database) == before


def test_toggle_is_413_when_the_body_is_longer_than_16_kib(app: Flask, database: Database) -> None:
    response = Visitor(app, "ada").toggle("plain", json.dumps("x" * 16_384).encode())
    assert (response.status_code, list(response.get_json())) == (413, ["error"])


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_toggle_is_415_when_the_media_type_is_not_json(app: Flask, database: Database, media_type: str | None) -> None:
    response = Visitor(app, "ada").toggle("plain", headers={"Content-Type": media_type})
    assert (response.status_code, list(response.get_json())) == (415, ["error"])


@pytest.mark.parametrize(
    "origin", ["null", "https://localhost", "http://localhost.evil.example", "http://localhost:1", ""]
)
def test_toggle_is_419_when_a_page_of_another_origin_sent_it(app: Flask, database: Database, origin: str) -> None:
    response = Visitor(app, "ada").toggle("plain", headers={"Origin": origin})
    assert (response.status_code, response.get_json()) == (419, {"error": "CSRF mismatch"})


# -- Proxies


def address_of(proxies: int, forwarded: str | None, database: Database) -> str:
    """Return the voter's id of a guest whose connection comes from 10.9.9.9."""
    app = create_app(settings(GUEST_LIKES="true", TRUSTED_PROXIES=str(proxies)), database)
    guest = Visitor(app, address="10.9.9.9")
    assert guest.toggle("plain", headers={"X-Forwarded-For": forwarded}).status_code == 200
    [voter] = database["likes_entries"].find_one("plain")["likedBy"]
    database["likes_entries"].update_one({"_id": "plain"}, {"$set": {"likedBy": [], "upvotes": 0}})
    return str(voter)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "10.9.9.9"),
        (0, "1.1.1.1", "10.9.9.9"),
        (0, "1.1.1.1, 2.2.2.2", "10.9.9.9"),
        (1, None, "10.9.9.9"),
        (1, "", "10.9.9.9"),
        (1, "2.2.2.2", "2.2.2.2"),
        (1, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        (1, "garbage, ;;, 2.2.2.2", "2.2.2.2"),
        (1, "2.2.2.2:4711", "2.2.2.2"),
        (1, '"[2001:db8::1]:80"', "2001:db8::"),
        (1, '9.9.9.9, "x, 2.2.2.2', "2.2.2.2"),
        (2, '9.9.9.9, "x, 1.1.1.1, 2.2.2.2', "1.1.1.1"),
        (1, "1.1.1.1, garbage", "unknown"),
        (1, "1.1.1.1, <script>", "unknown"),
        (2, "2.2.2.2", "10.9.9.9"),
        (2, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "0.0.0.1, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "x" * 8_000 + ", 2.2.2.2", "unknown"),
        (16, ", ".join(f"1.1.1.{number}" for number in range(40)), "1.1.1.24"),
    ],
)
def test_guest_is_known_by_what_our_own_proxies_say_and_by_nothing_else(
    database: Database, proxies: int, forwarded: str | None, address: str
) -> None:
    expected = create_app(settings(GUEST_LIKES="true"), database)
    Visitor(expected, address=address).toggle("plain")
    [voter] = database["likes_entries"].find_one("plain")["likedBy"]
    database["likes_entries"].update_one({"_id": "plain"}, {"$set": {"likedBy": [], "upvotes": 0}})
    assert address_of(proxies, forwarded, database) == voter


def test_limit_counts_the_connection_when_a_client_invents_proxies(database: Database) -> None:
    app = create_app(settings(RATELIMIT_ENABLED="true", LIMIT_TOGGLE_ADDRESS="3/hour"), database)
    visitor = Visitor(app)
    statuses = [visitor.toggle("none", headers={"X-Forwarded-For": f"1.1.1.{n}"}).status_code for n in range(5)]
    assert statuses == [404, 404, 404, 429, 429]


def test_https_of_the_visitor_counts_when_our_own_proxy_tells_of_it(database: Database) -> None:
    database["likes_entries"].update_one({"_id": "plain"}, {"$set": {"guest_allowed": True}})
    for proxies, proto, secure, status in (
        ("1", "https", True, 200),
        ("1", "HTTPS", True, 200),
        ("2", "https", True, 200),
        ("0", "https", False, 419),
    ):
        proxied = {"X-Forwarded-Proto": proto, "X-Forwarded-For": "2.2.2.2"}
        visitor = Visitor(create_app(settings(TRUSTED_PROXIES=proxies), database), headers=proxied)
        assert ("Secure" in visitor.csrf_cookie) is secure
        assert visitor.toggle("plain", headers={"Origin": "https://localhost"}).status_code == status


# -- Database away


def test_answer_is_503_in_the_contracts_words_when_the_database_is_away() -> None:
    with connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20") as client:
        visitor = Visitor(create_app(settings(RATELIMIT_ENABLED="true"), client["away"]), "ada")
        toggled, read = visitor.toggle("plain"), visitor.get("status?ids=plain")
        assert visitor.get("csrf-token").status_code == 200
    for response in (toggled, read):
        assert (response.status_code, response.get_json()) == (503, {"error": "Service unavailable"})
