"""Contract 3 under other URLs, methods, bodies and suffixes than the documented ones: the same dialect."""

from itertools import product

import pytest
from flask import Flask

from harness.documents import snapshot
from tests.support.diaspora import BOB, LISTS, ROUTES, SECRET, Pod, Route, call, likers, set_likers, token_of

each_route = pytest.mark.parametrize("route", ROUTES, ids=str)
each_list = pytest.mark.parametrize("route", LISTS, ids=str)


@pytest.mark.parametrize(
    "url", ["/api/v1/posts", "/api/v1/posts//likes", "/api/v1//posts/a/likes", "/api/v1/posts/a/likes/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
def test_answer_is_404_in_the_dialect_when_the_url_is_unknown(app: Flask, method: str, url: str) -> None:
    response = app.test_client().open(url, method=method)
    assert (response.status_code, response.get_json()) == (404, {"code": 404, "message": "Not found"})


@pytest.mark.parametrize("route", LISTS, ids=str)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "PROPFIND"])
def test_answer_is_405_with_allow_when_the_method_is_wrong(app: Flask, route: Route, method: str) -> None:
    response = app.test_client().open(route.url(), method=method)
    assert (response.status_code, response.get_json()) == (405, {"code": 405, "message": "Method not allowed"})
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}


@each_route
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"]
)
def test_answer_is_413_when_the_body_is_too_long(pod: Pod, route: Route, content_type: str) -> None:
    token = token_of(pod.database)
    before = snapshot(pod.database)
    response = call(pod.app, route, token, data=b"a" * 16_385, content_type=content_type)
    assert (response.status_code, response.get_json()["code"]) == (413, 413)
    assert snapshot(pod.database) == before


@each_list
def test_head_and_options_are_answered_without_a_body(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    head = call(pod.app, Route("HEAD", route.on_comment), token)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == call(pod.app, route, token).headers["Content-Length"]
    assert call(pod.app, Route("HEAD", route.on_comment), None).status_code == 401
    options = call(pod.app, Route("OPTIONS", route.on_comment), None)
    assert (options.status_code, options.data) == (200, b"")


BODIES = (b"", b"{}", b"null", b'{"a": 1, "a": 2}', b"[" * 10_000, b"\xff\x00", b"--x\r\n\r\n", b"a=%zz&=&&")
MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", None)


@each_route
def test_body_is_of_no_concern_when_it_holds_no_token(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    for body, media_type in product(BODIES, MEDIA_TYPES):
        set_likers(pod.database, route, [BOB] if route.method == "DELETE" else [])
        response = call(pod.app, route, token, data=body, content_type=media_type)
        assert response.status_code == (200 if route.method == "GET" else 204), (body, media_type)


# -- The suffix


@each_route
def test_route_answers_the_same_with_the_suffix_json(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    set_likers(pod.database, route, [BOB] if route.method == "DELETE" else [])
    assert call(pod.app, route, token, f"{route.url()}.json").status_code == (200 if route.method == "GET" else 204)
    assert likers(pod.database, route) == ([BOB] if route.method == "POST" else [])
    for url, status, message in (
        (route.url("nowhere"), 404, route.not_found["message"]),
        (route.url(SECRET), 404, route.not_found["message"]),
    ):
        response = call(pod.app, route, token, f"{url}.json")
        assert (response.status_code, response.get_json()) == (status, {"code": status, "message": message})


@pytest.mark.parametrize("suffix", [".xml", ".JSON", ".json.json", "json", ".", ".json/"])
def test_url_is_unknown_when_its_suffix_is_another(pod: Pod, suffix: str) -> None:
    response = call(pod.app, LISTS[0], token_of(pod.database), LISTS[0].url() + suffix)
    assert (response.status_code, response.get_json()) == (404, {"code": 404, "message": "Not found"})
