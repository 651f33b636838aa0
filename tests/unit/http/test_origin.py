"""Which origins are foreign."""

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from likes_api.http.origin import is_foreign

ALLOWED = ("https://www.example.com", "http://localhost:3000", "https://Shop.Example:443")


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
    ],
)
def test_origin_is_foreign_when_scheme_host_or_port_differ_or_cannot_be_read(origin: str) -> None:
    assert is_foreign(request(origin), ALLOWED)


def test_unreadable_origin_is_foreign_when_our_own_host_is_unreadable_too() -> None:
    environ = request("https://[").environ | {"HTTP_HOST": "api.example.com:99999"}
    assert is_foreign(Request(environ), ())


@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30))
def test_any_text_is_foreign_when_it_does_not_name_our_host(origin: str) -> None:
    assert is_foreign(request(f"https://{origin}.invalid"), ALLOWED)
    assert is_foreign(request(origin), ALLOWED)
