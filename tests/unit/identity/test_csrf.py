"""CSRF tokens and the cookie that each belongs to."""

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from likes_api.identity import csrf

OLD, NEW = "an old secret of 32 bytes or more", "a new secret of 32 bytes or more"


def app_with(*secrets: str, cross_site: bool = False) -> Flask:
    app = Flask(__name__)
    csrf.register(app, secrets, cross_site=cross_site)
    app.add_url_rule("/issue", view_func=csrf.issue, endpoint="issue")

    @app.post("/check")
    def check() -> str:
        try:
            csrf.check()
        except csrf.CsrfMismatch:
            return "mismatch"
        return "match"

    return app


def check(client: FlaskClient, token: str | None, **options: Any) -> str:
    headers = {} if token is None else {"X-CSRF-TOKEN": token}
    return client.post("/check", headers=headers, **options).get_data(as_text=True)


@pytest.fixture
def client() -> FlaskClient:
    return app_with(NEW).test_client()


def test_token_matches_when_sent_with_its_cookie_again_and_again(client: FlaskClient) -> None:
    first, second = client.get("/issue").text, client.get("/issue").text
    assert [check(client, token) for token in (first, second, first)] == ["match"] * 3


def test_cookie_is_set_once_for_scripts_not_to_read_and_other_sites_not_to_send(client: FlaskClient) -> None:
    cookie = client.get("/issue").headers["Set-Cookie"]
    assert cookie.startswith("likes_csrf=")
    assert cookie.partition("; ")[2] == "HttpOnly; Path=/; SameSite=Lax"
    assert "Set-Cookie" not in client.get("/issue").headers


def test_cookie_is_secure_and_the_token_matches_without_a_referer_when_on_https(client: FlaskClient) -> None:
    response = client.get("/issue", base_url="https://likes.example")
    assert response.headers["Set-Cookie"].partition("; ")[2] == "Secure; HttpOnly; Path=/; SameSite=Lax"
    assert check(client, response.text, base_url="https://likes.example") == "match"


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "null", "{}", "\xff", "x" * 8_000])
def test_token_mismatches_when_missing_or_wrong(client: FlaskClient, token: str | None) -> None:
    client.get("/issue")
    assert check(client, token) == "mismatch"


def test_token_mismatches_when_it_is_anothers_or_the_cookie_is_gone(client: FlaskClient) -> None:
    client.get("/issue")
    stranger = client.application.test_client()
    theirs = stranger.get("/issue").text
    assert check(client, theirs) == "mismatch"
    stranger.delete_cookie("likes_csrf")
    assert check(stranger, theirs) == "mismatch"


@pytest.mark.parametrize("cookie", ["", "x", "e30.x.y", "\u00ff"])
def test_token_mismatches_when_the_cookie_is_forged(client: FlaskClient, cookie: str) -> None:
    token = client.get("/issue").text
    client.set_cookie("likes_csrf", cookie)
    assert check(client, token) == "mismatch"


def test_token_mismatches_when_it_is_older_than_an_hour(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token, now = client.get("/issue").text, time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 3_590)
    assert check(client, token) == "match"
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 3_610)
    assert check(client, token) == "mismatch"
    assert check(client, client.get("/issue").text) == "match"


@pytest.mark.parametrize(("ahead", "outcome"), [(1, "match"), (5, "match"), (15, "match"), (17, "mismatch")])
def test_token_and_cookie_match_when_the_clock_that_signed_them_is_a_few_seconds_ahead(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, ahead: int, outcome: str
) -> None:
    now = int(time.time())
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + ahead)
    token = client.get("/issue").text
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now)
    assert check(client, token) == outcome


def test_cookie_stays_when_the_clock_that_signed_it_is_ahead(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 2)
    client.get("/issue")
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now)
    again = client.get("/issue")
    assert "Set-Cookie" not in again.headers
    assert check(client, again.text) == "match"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookie_is_sent_from_pages_of_other_sites_when_that_is_wanted(scheme: str) -> None:
    client = app_with(NEW, cross_site=True).test_client()
    answer = client.get("/issue", base_url=f"{scheme}://likes.example")
    assert answer.headers["Set-Cookie"].partition("; ")[2] == "Secure; HttpOnly; Path=/; SameSite=None; Partitioned"
    assert check(client, answer.text, base_url="https://likes.example") == "match"


@pytest.mark.parametrize(
    ("secrets", "outcome"),
    [((OLD,), "match"), ((NEW, OLD), "match"), ((NEW, NEW + NEW, OLD), "match"), ((NEW,), "mismatch")],
)
def test_token_matches_while_its_secret_is_among_those_that_verify(secrets: tuple[str, ...], outcome: str) -> None:
    before = app_with(OLD).test_client()
    token = before.get("/issue").text
    cookie = before.get_cookie("likes_csrf")
    assert cookie is not None
    after = app_with(*secrets).test_client()
    after.set_cookie("likes_csrf", cookie.value)
    assert check(after, token) == outcome


def test_token_is_signed_with_the_first_secret_when_there_are_several() -> None:
    rotating = app_with(NEW, OLD).test_client()
    token = rotating.get("/issue").text
    cookie = rotating.get_cookie("likes_csrf")
    assert cookie is not None
    rotated = app_with(NEW).test_client()
    rotated.set_cookie("likes_csrf", cookie.value)
    assert check(rotated, token) == "match"
