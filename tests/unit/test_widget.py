"""How ``like-button.js`` is served."""

import gzip
import re
from importlib.resources import files

import pytest
from flask import Flask
from flask.testing import FlaskClient

from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from likes_api.widget.routes import PARTS, SCRIPT_PATH
from tests.support.settings import settings

PLAIN_PATH = "/widget/like-button.js"
OLD_PATH = "/widget/like-button.0123456789abcdef.js"
SOURCE = b"\n".join(files("likes_api.widget").joinpath(f"{part}.js").read_bytes() for part in PARTS)


@pytest.fixture
def visitor(mock_database: Database) -> FlaskClient:
    app: Flask = create_app(settings(), mock_database)
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (SCRIPT_PATH, "public, max-age=31536000, immutable"),
        (PLAIN_PATH, "public, max-age=300"),
        (OLD_PATH, "public, max-age=300"),  # what a page asks for that was cached before an update
    ],
)
def test_script_is_kept_as_long_as_its_name_means_it_when_served(visitor: FlaskClient, path: str, kept: str) -> None:
    answer = visitor.get(path)
    assert answer.data == SOURCE
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == kept
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in answer.headers


def test_name_holds_the_version_when_the_content_is_this_one() -> None:
    assert re.fullmatch(r"/widget/like-button\.[0-9a-f]{16}\.js", SCRIPT_PATH)


@pytest.mark.parametrize("path", [SCRIPT_PATH, PLAIN_PATH, OLD_PATH])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_script_is_not_sent_again_when_the_browser_has_it(visitor: FlaskClient, path: str, encoding: str) -> None:
    tag = visitor.get(path, headers={"Accept-Encoding": encoding}).headers["ETag"]
    again = visitor.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert visitor.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_script_is_compressed_when_the_browser_takes_gzip(visitor: FlaskClient) -> None:
    plain = visitor.get(SCRIPT_PATH, headers={"Accept-Encoding": "gzip;q=0"})
    packed = visitor.get(SCRIPT_PATH, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == SOURCE
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert len(packed.data) < 9_000


@pytest.mark.parametrize(
    "path",
    [
        "/widget/like-button.0123456789abcde.js",
        "/widget/like-button.0123456789ABCDEF.js",
        "/widget/vote-buttons.js",
        f"{SCRIPT_PATH}x",
        "/widget/like-button..js",
        "/widget/../app.py",
        "/widget/",
    ],
)
def test_answer_is_404_in_json_when_there_is_no_such_version(visitor: FlaskClient, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.get_json()) == (404, {"error": "Not found"})
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_script_is_whole_when_joined_of_its_parts() -> None:
    package = files("likes_api.widget")
    assert sorted(f"{part}.js" for part in PARTS) == sorted(
        each.name for each in package.iterdir() if each.name.endswith(".js")
    )


def test_script_is_one_request_when_loaded() -> None:
    assert not re.search(rb"\bimport\b|\beval\b|innerHTML", SOURCE)
