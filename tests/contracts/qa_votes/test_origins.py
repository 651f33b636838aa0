"""Contract 1: pages of which origins may vote."""

import logging

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.qa_votes import post
from tests.support.settings import settings
from tests.support.simple_likes import Visitor

OURS = "http://localhost"


@pytest.mark.parametrize(
    ("origin", "options"),
    [
        (None, {}),
        (OURS, {}),
        ("http://localhost:80", {}),
        ("HTTP://LOCALHOST", {}),
        ("http://localhost:5000", {"base_url": "http://localhost:5000"}),
        ("https://localhost", {"base_url": "https://localhost"}),
        ("https://localhost", {"base_url": "https://localhost:443"}),
        ("http://[::1]:8000", {"base_url": "http://[::1]:8000"}),
        ("https://www.example.com", {}),
        ("https://www.example.com:443", {}),
        ("https://WWW.EXAMPLE.COM", {}),
        ("https://shop.example.com", {}),
    ],
)
def test_vote_counts_when_the_origin_is_absent_ours_or_allowed(
    app: Flask, origin: str | None, options: dict[str, str]
) -> None:
    assert post(app, headers={"Origin": origin}, **options).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "NULL",
        "localhost",
        "http://localhost:81",
        "https://localhost",
        "http://localhost.evil.example",
        "http://evil.example",
        "http://evil.example/localhost",
        "http://www.example.com",
        "https://example.com",
        "https://www.example.com:8443",
        "https://www.example.com.evil.example",
        "http://localhost:port",
        "http://localhost:99999",
        "http://[",
        "http://localhost, http://evil.example",
        "https://www.example.com https://evil.example",
    ],
)
def test_vote_is_refused_when_the_origin_is_foreign(app: Flask, database: Database, origin: str) -> None:
    before = snapshot(database)
    response = post(app, headers={"Origin": origin})
    assert (response.status_code, response.get_json()) == (403, {"error": "Cross-site request refused"})
    assert snapshot(database) == before


def test_vote_is_refused_when_neither_origin_nor_host_can_be_read(app: Flask) -> None:
    assert post(app, headers={"Origin": "http://[", "Host": "localhost:99999"}).status_code in {400, 403}


@pytest.mark.parametrize(
    "suffix", ["/", "/evil.example", "?", "?x", "#x", "\\", ":", "@evil.example", ",https://evil.example"]
)
@pytest.mark.parametrize("origin", [OURS, "https://www.example.com"])
def test_vote_is_refused_when_an_allowed_origin_is_only_the_beginning(
    app: Flask, database: Database, origin: str, suffix: str
) -> None:
    before = snapshot(database)
    for malformed in (origin + suffix, origin.replace("//", "//user@")):
        assert post(app, headers={"Origin": malformed}).status_code == 403
    assert snapshot(database) == before


@pytest.mark.parametrize("count", ["1", "2", "3"])
@pytest.mark.parametrize("proto", ["https", "HTTPS", "http, https"])
def test_vote_counts_when_one_of_several_proxies_tells_the_scheme(database: Database, count: str, proto: str) -> None:
    app = create_app(settings(TRUSTED_PROXIES=count), database)
    headers = {"Origin": "https://localhost", "X-Forwarded-Proto": proto, "X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    assert post(app, headers=headers).status_code == 200


def test_vote_counts_when_a_proxy_sends_a_host_of_its_own_and_the_visitors_beside_it(database: Database) -> None:
    """Rewrites of Next.js do."""
    headers = {"Host": "likes:8000", "X-Forwarded-Host": "www.example.org", "X-Forwarded-Proto": "https"}
    app = create_app(settings(TRUSTED_PROXIES="1"), database)
    assert post(app, headers={"Origin": "https://www.example.org", **headers}).status_code == 200
    assert post(app, headers={"Origin": "http://likes:8000", **headers}).status_code == 403


def test_log_names_the_request_and_both_origins_when_one_is_refused(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likes_api.http.origin.LOG_SECONDS", 0)
    monkeypatch.setattr("likes_api.http.origin._refusals._next", 0)
    app = create_app(settings(), database)
    with caplog.at_level(logging.WARNING, "likes_api.http.origin"):
        answer = post(app, headers={"Origin": "https://localhost", "X-Forwarded-Proto": "https"})
        toggled = Visitor(app, "ada").toggle("none", headers={"Origin": "https://localhost"})
    assert (answer.status_code, toggled.status_code) == (403, 419)
    for refused, line in zip((answer, toggled), map(vars, caplog.records), strict=True):
        assert line["request_id"] == refused.headers["X-Request-ID"]
        assert (line["origin"], line["expected"]) == ("https://localhost", "http://localhost")


def test_origin_is_compared_with_what_the_browser_sees_when_a_proxy_is_trusted(database: Database) -> None:
    headers = {"Origin": "https://localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert post(create_app(settings(TRUSTED_PROXIES="1"), database), headers=headers).status_code == 200
    assert post(create_app(settings(), database), headers=headers).status_code == 403
