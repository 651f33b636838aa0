"""Each URL prefix speaks its own dialect, whatever goes wrong."""

import logging

import pytest
from flask import Flask, abort
from werkzeug.exceptions import RequestEntityTooLarge

from likes_api.http.errors import Dialect, Refused, register
from likes_api.repository import StoreError

INNER = Dialect(
    prefix="/api/inner",
    body=lambda refused: {"code": refused.status, "message": refused.message},
    store_failed=(500, "Inner failed"),
    crashed=(500, "Inner crashed"),
)
OUTER = Dialect(prefix="/api", body=lambda refused: {"outer": refused.message})


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    register(app, [OUTER, INNER])

    @app.get("/<path:prefix>/refused")
    def refused(prefix: str) -> str:
        raise Refused(409, f"no {prefix}", {"Retry-After": "7"})

    @app.get("/<path:prefix>/store")
    def store(prefix: str) -> str:
        raise StoreError(f"secret of {prefix}")

    @app.get("/<path:prefix>/crash")
    def crash(prefix: str) -> str:
        raise ZeroDivisionError(f"secret of {prefix}")

    @app.get("/<path:prefix>/large")
    def large(prefix: str) -> str:
        raise RequestEntityTooLarge(f"secret of {prefix}")

    @app.get("/<path:prefix>/abort")
    def aborted(prefix: str) -> str:
        abort(403, f"<b>secret of {prefix}</b>")

    return app


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/api/inner/refused", 409, {"code": 409, "message": "no api/inner"}),
        ("/api/refused", 409, {"outer": "no api"}),
        ("/other/refused", 409, {"error": "no other"}),
        ("/api/inner/nothing", 404, {"code": 404, "message": "Not found"}),
        ("/api/nothing", 404, {"outer": "Not found"}),
        ("/nothing", 404, {"error": "Not found"}),
        ("/api/inner/large", 413, {"code": 413, "message": "Request entity too large"}),
        ("/api/inner/abort", 403, {"code": 403, "message": "Forbidden"}),
        ("/api/inner/store", 500, {"code": 500, "message": "Inner failed"}),
        ("/api/inner/crash", 500, {"code": 500, "message": "Inner crashed"}),
    ],
)
def test_error_is_told_in_the_dialect_of_the_longest_prefix(
    app: Flask, path: str, status: int, body: dict[str, object]
) -> None:
    response = app.test_client().get(path)
    assert (response.status_code, response.get_json()) == (status, body)
    assert response.content_type == "application/json"


@pytest.mark.parametrize("prefix", ["/api", "/other"])
@pytest.mark.parametrize(("fault", "status"), [("store", 503), ("crash", 500)])
def test_failure_keeps_its_details_to_the_log_when_a_dialect_has_no_words_of_its_own(
    app: Flask, prefix: str, fault: str, status: int
) -> None:
    response = app.test_client().get(f"{prefix}/{fault}")
    assert response.status_code == status
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_headers_of_the_refusal_are_sent(app: Flask) -> None:
    assert app.test_client().get("/api/refused").headers["Retry-After"] == "7"


def test_allow_names_the_methods_when_the_method_is_wrong(app: Flask) -> None:
    response = app.test_client().post("/api/inner/refused")
    assert (response.status_code, response.get_json()) == (405, {"code": 405, "message": "Method not allowed"})
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_crash_is_logged_with_its_traceback_and_a_failed_store_by_its_kind(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        app.test_client().get("/api/crash")
        app.test_client().get("/api/store")
    crash, store = caplog.records
    assert crash.exc_info is not None
    assert isinstance(crash.exc_info[1], ZeroDivisionError)
    assert (store.levelname, store.__dict__["failure"]) == ("WARNING", "PyMongoError")
    assert "secret" not in store.getMessage()
