"""The demo page over HTTP, on a real MongoDB: who gets in, how, and that nothing of it is there without ``--demo``."""

import html
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from flask import Flask
from flask.testing import FlaskClient

from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.ndjson import import_lines
from likes_api.repository.content import ContentRepository
from tests.support.commands import CountedCommands
from tests.support.settings import settings

COOKIE = "next-auth.session-token"


@pytest.fixture
def loaded(database: Database) -> Database:
    lines = files("likes_api.demo").joinpath("data.ndjson").read_bytes().splitlines()
    assert [faults for _, faults in import_lines(lines, ContentRepository(database))] == [[]]
    return database


@pytest.fixture
def demo(loaded: Database) -> Flask:
    return create_app(settings(DEMO="true"), loaded)


@pytest.fixture
def visitor(demo: Flask) -> FlaskClient:
    return demo.test_client()


def token(visitor: FlaskClient) -> str:
    found = re.search('name="csrf-token" content="([^"]+)"', visitor.get("/").text)
    assert found
    return html.unescape(found[1])


def sign_in(visitor: FlaskClient, user: str = "alice") -> None:
    assert visitor.post("/demo/sign-in", data={"user": user, "csrf_token": token(visitor)}).status_code == 303


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("GET", "/demo/sign-in"),
        ("POST", "/demo/sign-in"),
        ("POST", "/demo/sign-out"),
        ("GET", "/demo/x/demo.css"),
    ],
)
def test_demo_is_not_there_when_not_asked_for(loaded: Database, method: str, path: str) -> None:
    visitor = create_app(settings(), loaded).test_client()
    csrf_token = visitor.get("/!/simple-likes/csrf-token").get_json()["csrf_token"]
    data = {"user": "alice", "csrf_token": csrf_token} if method == "POST" else None
    answer = visitor.open(path, method=method, data=data)
    assert answer.status_code == 404
    assert answer.get_json() == {"error": "Not found"}
    assert loaded["sessions"].count_documents({}) == 0


def test_style_is_there_for_a_while_when_a_cached_page_asks_for_an_old_one(visitor: FlaskClient) -> None:
    now = re.search(r"/demo/[0-9a-f]+/demo\.css", visitor.get("/").text)
    assert now is not None
    present, old = visitor.get(now[0]), visitor.get("/demo/0123456789abcdef/demo.css")
    assert present.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (old.data, old.headers["Cache-Control"]) == (present.data, "public, max-age=300")


def test_page_is_held_to_its_own_scripts_and_styles_when_served(visitor: FlaskClient) -> None:
    page = visitor.get("/")
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]* src=)", page.text)


def test_sign_in_sets_a_cookie_out_of_scripts_reach_when_the_user_is_known(
    visitor: FlaskClient, loaded: Database
) -> None:
    answer = visitor.post("/demo/sign-in", data={"user": "bob", "csrf_token": token(visitor)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith(COOKIE))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    session = loaded["sessions"].find_one({"userId": "bob"})
    assert session is not None
    assert cookie.startswith(f"{COOKIE}={session['sessionToken']};")
    assert "Signed in as <strong>Bob" in visitor.get("/").text


def test_cookie_is_for_https_only_when_given_over_https(visitor: FlaskClient) -> None:
    found = re.search('name="csrf-token" content="([^"]+)"', visitor.get("/", base_url="https://localhost").text)
    assert found
    answer = visitor.post("/demo/sign-in", data={"user": "bob", "csrf_token": found[1]}, base_url="https://localhost")
    assert "; Secure" in next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith(COOKIE))


@pytest.mark.parametrize("user", ["mallory", "", None, "guest_0", '{"$ne": ""}'])
def test_sign_in_refuses_when_the_user_is_none_of_the_demos(
    visitor: FlaskClient, loaded: Database, user: str | None
) -> None:
    loaded["users"].insert_one({"_id": "mallory"})  # a user of the host application is not for the taking
    given = {"csrf_token": token(visitor)} | ({"user": user} if user is not None else {})
    answer = visitor.post("/demo/sign-in", data=given)
    assert (answer.status_code, answer.get_json()) == (400, {"error": "Unknown user"})
    assert loaded["sessions"].count_documents({}) == 0


def test_sign_in_says_so_when_the_demo_data_are_not_loaded(visitor: FlaskClient, loaded: Database) -> None:
    loaded["users"].delete_many({})
    answer = visitor.post("/demo/sign-in", data={"user": "bob", "csrf_token": token(visitor)})
    assert (answer.status_code, answer.get_json()) == (404, {"error": "Demo data not loaded"})


@pytest.mark.parametrize("path", ["/demo/sign-in", "/demo/sign-out"])
def test_form_is_refused_when_another_site_sent_it(visitor: FlaskClient, loaded: Database, path: str) -> None:
    sign_in(visitor, "carol")
    data = {"user": "bob", "csrf_token": token(visitor)}
    answer = visitor.post(path, data=data, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.get_json()) == (403, {"error": "Cross-site request refused"})
    assert [session["userId"] for session in loaded["sessions"].find()] == ["carol"]


@pytest.mark.parametrize("path", ["/demo/sign-in", "/demo/sign-out"])
@pytest.mark.parametrize("csrf_token", [None, "", "forged"])
def test_form_changes_nothing_and_a_fresh_page_comes_when_its_token_is_no_good(
    visitor: FlaskClient, loaded: Database, path: str, csrf_token: str | None
) -> None:
    sign_in(visitor, "carol")
    data = {"user": "bob"} | ({"csrf_token": csrf_token} if csrf_token is not None else {})
    answer = visitor.post(path, data=data)
    assert answer.status_code == 419
    assert "too old" in answer.text
    assert "Content-Security-Policy" in answer.headers
    assert [session["userId"] for session in loaded["sessions"].find()] == ["carol"]


def test_old_token_is_no_good_when_somebody_signed_in_since(visitor: FlaskClient) -> None:
    old = token(visitor)
    sign_in(visitor)
    assert visitor.post("/demo/sign-out", data={"csrf_token": old}).status_code == 419


def test_session_is_over_on_the_server_when_signed_out(visitor: FlaskClient, loaded: Database) -> None:
    sign_in(visitor)
    stolen = visitor.get_cookie(COOKIE)
    assert stolen is not None
    assert visitor.post("/demo/sign-out", data={"csrf_token": token(visitor)}).status_code == 303
    assert visitor.get_cookie(COOKIE) is None
    assert loaded["sessions"].count_documents({}) == 0
    visitor.set_cookie(COOKIE, stolen.value)
    page = visitor.get("/").text
    assert "no longer, valid here" in page
    assert stolen.value not in page


def test_session_stays_out_of_the_page_when_it_is_not_valid(visitor: FlaskClient) -> None:
    visitor.set_cookie(COOKIE, "another-applications-session")
    page = visitor.get("/")
    assert page.status_code == 200
    assert "another-applications-session" not in page.text


@pytest.fixture
def counted(loaded: Database, mongod: EmbeddedMongod) -> Iterator[tuple[FlaskClient, CountedCommands]]:
    commands = CountedCommands()
    with connect(mongod.uri, event_listeners=[commands]) as client:
        yield create_app(settings(DEMO="true"), client[loaded.name]).test_client(), commands


def test_page_takes_three_round_trips_when_somebody_is_signed_in(
    counted: tuple[FlaskClient, CountedCommands],
) -> None:
    visitor, commands = counted
    with commands.during() as names:
        visitor.get("/")
    assert names == ["aggregate"] * 2
    with commands.during() as names:
        visitor.post("/demo/sign-in", data={"user": "alice", "csrf_token": token(visitor)})
    assert names == ["aggregate"] * 2 + ["find", "insert"]
    with commands.during() as names:
        visitor.get("/")
    assert names == ["aggregate"] * 3


def test_page_leads_to_itself_when_it_stands_below_a_path_of_the_site(loaded: Database) -> None:
    app = create_app(settings(DEMO="true", TRUSTED_PROXIES="1"), loaded)
    forwarded = {"X-Forwarded-Prefix": "/likes", "X-Forwarded-Host": "www.example.com", "X-Forwarded-Proto": "https"}
    page = app.test_client().get("/", headers=forwarded).text
    assert set(re.findall(r'(?:src|href|action)="(/[^/"]*/)', page)) == {"/likes/"}
    buttons = re.findall(r"<(?:like-button|vote-buttons)[^>]*>", page)
    assert buttons
    assert all(' base="/likes"' in button for button in buttons)
    assert set(re.findall(r"'(https?://www.example[^/']*/[^/']*/)", html.unescape(page))) == {
        "https://www.example.com/likes/"
    }
    assert "base=" not in app.test_client().get("/").text
