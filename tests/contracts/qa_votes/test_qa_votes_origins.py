"""Contract 1: pages of which origins may vote."""

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.qa_votes import post
from tests.support.settings import settings

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


def test_origin_is_compared_with_what_the_browser_sees_when_a_proxy_is_trusted(database: Database) -> None:
    headers = {"Origin": "https://localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert post(create_app(settings(TRUSTED_PROXIES="1"), database), headers=headers).status_code == 200
    assert post(create_app(settings(), database), headers=headers).status_code == 403
