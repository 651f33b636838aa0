"""What ``SECURITY.md`` promises of headers, cross-origin access, hosts and production settings."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from flask import Flask
from pymongo import MongoClient

from config.settings import Settings, SettingsError
from harness.documents import named_database
from harness.server import COMMAND, ROOT, server_environment
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support.qa_votes import BALLOT, URL, post
from tests.support.settings import settings

SHOP = "https://shop.example.com"


@pytest.fixture(scope="module")
def module_database(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        database["questions"].insert_one({"_id": "q_123"})
        yield database


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    origins = f"{SHOP},https://Other.Example.com:443,http://[2001:DB8:0::1]:3000,https://m\u00fcnchen.de,capacitor://localhost"
    return create_app(settings(CORS_ORIGINS=origins, TRUSTED_PROXIES="1"), module_database)


# -- Headers

ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/no/such", 404),
    ("PUT", URL, 405),
    ("POST", URL, 401),
    ("OPTIONS", URL, 200),
    ("GET", "/api/v1/posts/none/likes", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_answer_may_not_be_framed_sniffed_run_or_kept_whatever_it_says(
    app: Flask, method: str, path: str, status: int
) -> None:
    response = app.test_client().open(path, method=method, headers={"X-Forwarded-For": "127.0.0.1"})
    assert response.status_code == status
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    assert "Strict-Transport-Security" not in response.headers
    assert "text/html" not in response.content_type or not response.data
    assert len(response.headers.getlist("Cache-Control")) == 1


@pytest.mark.parametrize(("proto", "expected"), [("https", "max-age=31536000"), ("http", None)])
def test_https_is_made_lasting_when_the_trusted_proxy_speaks_it(app: Flask, proto: str, expected: str | None) -> None:
    response = app.test_client().get("/healthz", headers={"X-Forwarded-Proto": proto, "X-Forwarded-For": "192.0.2.1"})
    assert response.headers.get("Strict-Transport-Security") == expected


def test_https_flag_is_not_believed_when_no_proxy_is_trusted(module_database: Database) -> None:
    app = create_app(settings(), module_database)
    assert "Strict-Transport-Security" not in app.test_client().get("/", headers={"X-Forwarded-Proto": "https"}).headers


# -- CORS


def preflight(app: Flask, origin: str, method: str = "POST", headers: str = "content-type") -> dict[str, str]:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    response = app.test_client().options(URL, headers=asked)
    assert response.status_code == 200
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control")}


LISTED = [
    SHOP,
    "https://other.example.com",
    "http://[2001:db8::1]:3000",
    "https://xn--mnchen-3ya.de",
    "capacitor://localhost",
]


@pytest.mark.parametrize("origin", LISTED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_preflight_is_granted_when_the_origin_is_listed(app: Flask, origin: str, method: str) -> None:
    wanted = "authorization, content-type, idempotency-key, x-csrf-token, x-request-id"
    granted = preflight(app, origin, method, wanted)
    assert granted["Access-Control-Allow-Origin"] == origin
    assert granted["Access-Control-Allow-Credentials"] == "true"
    assert method in granted["Access-Control-Allow-Methods"]
    assert granted["Access-Control-Allow-Headers"].lower() == wanted
    assert granted["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://shop.example.com",
        "https://shop.example.com:8443",
        "https://shop.example.com.evil.example",
        "https://shopXexample.com",
        "https://evil.example/https://shop.example.com",
        "http://1:3000",
        "https://shop.example.com\n",
    ],
)
def test_preflight_is_refused_when_the_origin_is_another(app: Flask, origin: str) -> None:
    if "\n" not in origin:
        assert preflight(app, origin) == {}
        assert "Access-Control-Allow-Origin" not in post(app, headers={"Origin": origin}).headers


@pytest.mark.parametrize("origin", LISTED)
def test_vote_counts_when_the_page_is_of_a_listed_origin(app: Flask, origin: str) -> None:
    assert post(app, headers={"Origin": origin}).status_code == 200


def test_header_that_nobody_needs_is_not_granted(app: Flask) -> None:
    assert "x-evil" not in preflight(app, SHOP, headers="x-evil, content-type")["Access-Control-Allow-Headers"].lower()


def test_vote_and_error_can_be_read_by_a_listed_origin(app: Flask) -> None:
    for body, status in ((BALLOT, 200), (BALLOT | {"targetId": "unknown"}, 404), (b"{", 400)):
        response = post(app, body, headers={"Origin": SHOP})
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (status, SHOP)
        assert "Origin" in response.headers["Vary"]
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]


def test_no_page_may_read_anything_when_no_origin_is_listed(module_database: Database) -> None:
    app = create_app(settings(), module_database)
    assert preflight(app, SHOP) == {}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_no_page_may_read_what_is_for_the_operator(app: Flask, path: str) -> None:
    response = app.test_client().get(path, headers={"Origin": SHOP, "X-Forwarded-For": "127.0.0.1"})
    assert "Access-Control-Allow-Origin" not in response.headers


LIST = "/api/v1/posts/none/likes"


@pytest.mark.parametrize("origins", [{}, {"CORS_ORIGINS": SHOP}])
@pytest.mark.parametrize("origin", [None, "https://anywhere.example", SHOP, "null"])
def test_page_of_any_origin_may_read_contract_3_and_never_with_cookies(
    module_database: Database, origins: dict[str, str], origin: str | None
) -> None:
    app = create_app(settings(**origins), module_database)
    headers = {"Origin": origin} if origin else {}
    for method, path, status in (("GET", LIST, 401), ("PUT", LIST, 405), ("GET", f"{LIST}/x", 404)):
        answer = app.test_client().open(path, method=method, headers=headers)
        assert (answer.status_code, answer.headers.getlist("Access-Control-Allow-Origin")) == (status, ["*"])
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Link" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_preflight_is_granted_to_any_origin_when_it_asks_for_contract_3(module_database: Database, method: str) -> None:
    asked = {
        "Origin": "https://anywhere.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    granted = create_app(settings(), module_database).test_client().options(LIST, headers=asked)
    assert (granted.status_code, granted.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert method in granted.headers["Access-Control-Allow-Methods"]
    assert granted.headers["Access-Control-Allow-Headers"].lower() == "authorization"
    assert "Access-Control-Allow-Credentials" not in granted.headers


# -- Hosts


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("www.example.com", 401),
        ("www.example.com:8443", 401),
        ("a.example.org", 401),
        ("evil.example", 400),
        ("www.example.com.evil.example", 400),
        ("www.example.com@evil.example", 400),
        ("", 400),
    ],
)
def test_host_is_refused_in_the_contracts_dialect_when_it_is_not_listed(
    module_database: Database, host: str, status: int
) -> None:
    app = create_app(settings(TRUSTED_HOSTS="www.example.com,.example.org"), module_database)
    response = app.test_client().post(URL, headers={"Host": host})
    assert response.status_code == status
    assert list(response.get_json()) == ["error"]
    diaspora = app.test_client().get("/api/v1/posts/none/likes", headers={"Host": host})
    assert diaspora.status_code == status
    assert "code" in diaspora.get_json()


@pytest.mark.parametrize(("forwarded", "status"), [("www.example.com", 401), ("evil.example", 400), ("evil/", 401)])
def test_forwarded_host_is_checked_as_well_when_a_proxy_is_trusted(
    module_database: Database, forwarded: str, status: int
) -> None:
    app = create_app(settings(TRUSTED_HOSTS="www.example.com", TRUSTED_PROXIES="1"), module_database)
    headers = {"Host": "www.example.com", "X-Forwarded-Host": forwarded}
    assert app.test_client().post(URL, headers=headers).status_code == status


def test_any_host_is_served_when_none_is_listed(app: Flask) -> None:
    assert app.test_client().get("/healthz", headers={"Host": "anything.example"}).status_code == 200


# -- Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIKES_SECRET_KEY", "x" * 31),
        ("LIKES_SECRET_KEY", "x" * 40 + "," + "short"),
        ("LIKES_METRICS_ALLOW", "everyone"),
        ("LIKES_METRICS_ALLOW", "10.0.0.1/8"),
        ("LIKES_TRUSTED_HOSTS", "https://www.example.com"),
        ("LIKES_TRUSTED_HOSTS", "*"),
        ("LIKES_CORS_ORIGINS", "*"),
        ("LIKES_CORS_ORIGINS", "https://*.example.com/"),
    ],
)
def test_setting_is_refused_by_its_name_and_not_its_value_when_it_is_weak_or_malformed(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert value not in str(refused.value)


def test_server_does_not_start_without_a_secret_of_its_own(mongod: EmbeddedMongod) -> None:
    environment = server_environment({"LIKES_MONGODB_URI": mongod.uri, "LIKES_SECRET_KEY": ""})
    ended = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "LIKES_SECRET_KEY: Required" in ended.stderr


@pytest.mark.parametrize("name", ["FLASK_DEBUG", "FLASK_ENV"])
def test_debugger_stays_off_when_the_environment_asks_for_it(
    module_database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(os.environ, name, "1")
    app = create_app(settings(), module_database)
    app.add_url_rule("/boom", view_func=lambda: 1 / 0)
    response = app.test_client().get("/boom")
    assert (response.status_code, response.get_json()) == (500, {"error": "Internal server error"})
