"""Which origins are foreign."""

import logging
from collections.abc import Iterator

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from likes_api.http import origin as origin_module
from likes_api.http.origin import is_foreign

ALLOWED = frozenset(
    ("https://www.example.com", "http://localhost:3000", "https://shop.example", "capacitor://localhost")
)


def request(origin: str | None, base_url: str = "https://api.example.com") -> Request:
    headers = [] if origin is None else [("Origin", origin)]
    return Request(EnvironBuilder(base_url=base_url, headers=headers).get_environ())


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://api.example.com",
        "https://api.example.com:443",
        "HTTPS://API.Example.COM",
        "https://www.example.com",
        "https://www.example.com:443",
        "http://localhost:3000",
        "https://shop.example",
        "HTTPS://Shop.Example:443",
        "capacitor://localhost",
    ],
)
def test_origin_is_ours_when_absent_our_own_or_allowed(origin: str | None) -> None:
    assert not is_foreign(request(origin), ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "api.example.com",
        "//api.example.com",
        "http://api.example.com",
        "http://api.example.com:443",
        "https://api.example.com:8443",
        "https://api.example.com.",
        "https://api.example.com.evil.example",
        "https://evil.example/https://api.example.com",
        "https://api.example.com@evil.example",
        "https://example.com",
        "http://localhost",
        "http://localhost:3001",
        "https://[",
        "https://api.example.com:x",
        "https://api.example.com:65536",
        "chrome-extension://api.example.com",
        "https://www.example.com/",
        "https://www.example.com/evil.example",
        "https://www.example.com?",
        "https://www.example.com?x",
        "https://www.example.com#",
        "https://www.example.com\\evil.example",
        "https://user@www.example.com",
        "https://@www.example.com",
        "https://:@www.example.com",
        "https://www.example.com:",
        "https://www.example.com:+443",
        "https://www.example.com:4_4_3",
        "https://www.example.com, https://www.example.com",
        "https://www.example.com\t",
        " https://www.example.com",
        "https:www.example.com",
        "https:///www.example.com",
        "https://api.example.com/",
        "https://api.example.com/x?y",
        "https://user:password@api.example.com",
    ],
)
def test_origin_is_foreign_when_scheme_host_or_port_differ_or_cannot_be_read(origin: str) -> None:
    assert is_foreign(request(origin), ALLOWED)


@pytest.mark.parametrize("suffix", ["/", "/path", "?", "?q", "#", "#f", ":", "\\x", " "])
@pytest.mark.parametrize("origin", ["https://api.example.com", *sorted(ALLOWED)])
def test_origin_is_foreign_when_anything_follows_the_host(origin: str, suffix: str) -> None:
    assert is_foreign(request(origin + suffix), ALLOWED)


def test_unreadable_origin_is_foreign_when_our_own_host_is_unreadable_too() -> None:
    environ = request("https://[").environ | {"HTTP_HOST": "api.example.com:99999"}
    assert is_foreign(Request(environ), ())


@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30))
def test_any_text_is_foreign_when_it_does_not_name_our_host(origin: str) -> None:
    assert is_foreign(request(f"https://{origin}.invalid"), ALLOWED)
    assert is_foreign(request(origin), ALLOWED)


# -- What the log says


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log, as if nothing had been refused before."""
    monkeypatch.setattr(origin_module, "_refusals", origin_module._Refusals())
    with caplog.at_level(logging.WARNING):
        yield caplog


def test_log_says_which_origin_came_and_which_was_expected_when_one_is_refused(
    refusals: pytest.LogCaptureFixture,
) -> None:
    assert is_foreign(request("https://api.example.com", "http://likes:8000"), ALLOWED)
    [line] = refusals.records
    assert line.levelname == "WARNING"
    assert "LIKES_TRUSTED_PROXIES" in line.getMessage()
    said = vars(line)
    assert (said["origin"], said["expected"]) == ("https://api.example.com", "http://likes:8000")


def test_log_says_nothing_when_an_origin_is_ours_or_allowed(refusals: pytest.LogCaptureFixture) -> None:
    for origin in (None, "https://api.example.com", *ALLOWED):
        assert not is_foreign(request(origin), ALLOWED)
    assert refusals.records == []


def test_log_holds_nothing_of_an_origin_that_is_none(refusals: pytest.LogCaptureFixture) -> None:
    assert is_foreign(request("https://secret:word@evil.example"), ALLOWED)
    [line] = refusals.records
    assert "secret" not in str(vars(line))
    assert vars(line)["origin"] == "malformed"


def test_log_has_one_line_in_ten_seconds_with_the_number_of_the_others(
    refusals: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1_000.0
    monkeypatch.setattr(origin_module.time, "monotonic", lambda: moment)
    for _ in range(50):
        assert is_foreign(request("https://evil.example"), ALLOWED)
    moment += 10
    assert is_foreign(request("https://evil.example"), ALLOWED)
    assert [vars(line)["unreported"] for line in refusals.records] == [0, 49]
