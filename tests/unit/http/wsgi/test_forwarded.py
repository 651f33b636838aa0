"""Forwarded headers: whose are believed, and which."""

import json
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from likes_api.http.wsgi.forwarded import behind_proxies

CHAIN = "198.51.100.9, 192.0.2.1, 192.0.2.2"


def client(count: int) -> FlaskClient:
    app = Flask(__name__)

    @app.get("/seen")
    def seen() -> dict[str, Any]:
        return {"url": request.url_root + request.path.lstrip("/"), "address": request.remote_addr}

    app.wsgi_app = behind_proxies(app.wsgi_app, count)  # type: ignore[method-assign]
    return app.test_client()


def seen(count: int, **headers: str) -> dict[str, Any]:
    sent = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    answer = client(count).get("/seen", headers=sent, environ_overrides={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.data)
    return found


@pytest.mark.parametrize(
    ("count", "address"), [(0, "10.0.0.1"), (1, "192.0.2.2"), (2, "192.0.2.1"), (3, "198.51.100.9"), (4, "10.0.0.1")]
)
def test_address_is_the_one_that_the_farthest_of_our_proxies_saw(count: int, address: str) -> None:
    assert seen(count, For=CHAIN)["address"] == address


@pytest.mark.parametrize("count", [1, 2, 16])
def test_scheme_host_and_prefix_are_what_the_proxy_next_to_us_says_however_many_proxies_there_are(count: int) -> None:
    headers = {"Proto": "https", "Host": "www.example.com", "Prefix": "/community"}
    assert seen(count, For=CHAIN, **headers)["url"] == "https://www.example.com/community/seen"
    farther = {"Proto": "http, https", "Host": "evil.example, www.example.com:8443", "Prefix": "/evil,/community/"}
    assert seen(count, For=CHAIN, **farther)["url"] == "https://www.example.com:8443/community/seen"


def test_nothing_is_believed_when_no_proxy_is_ours() -> None:
    headers = {"Proto": "https", "Host": "www.example.com", "Prefix": "/community"}
    assert seen(0, **headers)["url"] == "http://localhost/seen"


@pytest.mark.parametrize("value", ["HTTPS", "Https", " https ", "http,HTTPS"])
def test_scheme_is_https_however_it_is_written(value: str) -> None:
    assert seen(1, Proto=value)["url"] == "https://localhost/seen"


@pytest.mark.parametrize("value", ["", ",", "wss", "on", "javascript", '"https"', "https/", "https,", "é"])
def test_scheme_is_the_connections_own_when_the_header_names_no_other(value: str) -> None:
    assert seen(1, Proto=value)["url"] == "http://localhost/seen"


@pytest.mark.parametrize(
    "value", ["", "a b", "evil.example/x", "user@evil.example", "é", "[::1", "x:port", "x:999999", 'x"', "<x>", "x?y"]
)
def test_host_is_the_requests_own_when_the_forwarded_one_is_malformed(value: str) -> None:
    assert seen(1, Host=value)["url"] == "http://localhost/seen"


@pytest.mark.parametrize("value", ["likes", "likes:8000", "www.example.com:8443", "[::1]:3000", "127.0.0.1:80"])
def test_host_is_the_forwarded_one_when_it_is_well_formed(value: str) -> None:
    assert seen(1, Host=value)["url"] == f"http://{value.removesuffix(':80')}/seen"


@pytest.mark.parametrize(
    "value",
    ["", "/", "//", "//evil.example", "/a//b", "evil", "https://evil.example", "/a b", "/<", "/%2e", '/"', "/é"],
)
def test_prefix_is_ignored_when_it_is_no_path(value: str) -> None:
    assert seen(1, Prefix=value)["url"] == "http://localhost/seen"
