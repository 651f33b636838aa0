"""Prove that one resource has one URL."""

from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask, Response, jsonify, request

from likes_api.http.wsgi.paths import kept_as_sent, segment_as_sent


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask(__name__)
    app.url_map.merge_slashes = False

    @app.get("/api/likes")
    def likes() -> str:
        return "likes"

    @app.get("/items/<item>/vote")
    def item(item: str) -> Response:
        return jsonify(item, segment_as_sent(request.environ, item), request.args.get("a"))

    app.wsgi_app = kept_as_sent(app.wsgi_app)  # type: ignore[method-assign]
    return app


def sent(app: Flask, uri: str, path: str) -> tuple[int, str]:
    """Return the answer to a request as gunicorn hands it on: what was sent, and its path without percent-encoding."""
    answer = app.test_client().get(
        "/", query_string=uri.partition("?")[2], environ_overrides={"RAW_URI": uri, "PATH_INFO": path}
    )
    return answer.status_code, answer.text.strip()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/api%2flikes", "/api/likes"),
        ("/api%2Flikes", "/api/likes"),
        ("/%2fapi/likes", "//api/likes"),
        ("/%2Fapi%2Flikes?a=b", "//api/likes"),
        ("//api/likes", "//api/likes"),
        ("///api/likes", "///api/likes"),
        ("http://localhost/api%2flikes", "/api/likes"),
        ("http://localhost//api/likes", "//api/likes"),
        ("/api//likes", "/api//likes"),
    ],
)
def test_a_path_is_unknown_when_its_slashes_are_not_those_of_the_route(app: Flask, uri: str, path: str) -> None:
    assert sent(app, uri, path)[0] == 404


@pytest.mark.parametrize("uri", ["/api/likes", "/api/likes?next=%2Fa", "http://localhost/api/likes", "/%61pi/likes"])
def test_a_path_is_known_when_nothing_of_it_is_an_encoded_slash(app: Flask, uri: str) -> None:
    assert sent(app, uri, "/api/likes") == (200, "likes")


def test_a_segment_holds_an_encoded_slash_and_is_otherwise_decoded_when_one_was_sent(app: Flask) -> None:
    status, body = sent(app, "/items/a%2fb%20%C3%A4/vote?a=%2F", "/items/a/b \u00c3\u00a4/vote")
    assert (status, body) == (200, '["a%2Fb \\u00e4","a/b \\u00e4","/"]')


@pytest.mark.parametrize(
    ("sent_item", "item"),
    [
        ("%252F", "%2F"),
        ("%252f", "%2f"),
        ("%2F%252F", "/%2F"),
        ("%2f", "/"),
        ("a%2Fb%2Fc", "a/b/c"),
        ("%25252F", "%252F"),
        ("%FF%2F", "\ufffd/"),
    ],
)
def test_a_segment_is_what_was_sent_whatever_its_slashes_and_percent_signs(
    app: Flask, sent_item: str, item: str
) -> None:
    uri = f"/items/{sent_item}/vote"
    answer = app.test_client().get(
        "/", environ_overrides={"RAW_URI": uri, "PATH_INFO": unquote_to_bytes(uri).decode("latin-1")}
    )
    assert (answer.status_code, answer.get_json()[1]) == (200, item)
