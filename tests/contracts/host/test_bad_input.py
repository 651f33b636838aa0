"""Hostile input on every route of the host API: a documented error, and nothing changed."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.documents import snapshot
from likes_api.mongodb.documents import Database
from tests.support.answers import outcome
from tests.support.host import ADA, GUEST, TARGETS, Caller, refused, vote_url

VOTE_ERRORS = {
    (status, message)
    for status, message in (
        (400, "Invalid target type"),
        (400, "Invalid value"),
        (400, "Invalid JSON"),
        (401, "Unauthorized"),
        (404, "Not found"),
        (413, "Request entity too large"),
        (415, "Content-Type must be application/json"),
    )
}
# What a client may send in place of anything: operators, field paths, other types, deep and long values.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.sampled_from([{"$ne": ""}, {"$gt": 0}, ["entry"], "$likedBy", "a\0b", 2**70, -0.0, True, 1.0, "1", None])
IDS = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["$where", "..", ".", "%", "%2F", "\0", "'\"", "\u202e", "q/1 "]
)
CALLERS = (ADA, GUEST)


def is_documented(response: Any) -> bool:
    body = response.get_json()
    return set(body) == {"error"} and (response.status_code, body["error"]) in VOTE_ERRORS


@settings(max_examples=150)
@given(type_=st.sampled_from(list(TARGETS)) | st.text(max_size=8), id_=IDS, value=OBJECTS | JSON, who=st.integers(0, 1))
def test_any_vote_on_what_is_not_there_or_by_any_value_is_a_documented_error(
    app: Flask, module_database: Database, type_: str, id_: str, value: Any, who: int
) -> None:
    if type_ in {"", ".", ".."}:
        return  # clients take these out of a URL
    before = snapshot(module_database)
    url = vote_url(type_.encode(errors="replace").decode(), id_.encode(errors="replace").decode())
    caller = CALLERS[who]
    for response in (
        caller.ask(app, "PUT", url, {"value": value}),
        caller.ask(app, "DELETE", url),
        caller.ask(app, "GET", url),
    ):
        assert is_documented(response), (response.status_code, response.data)
    assert snapshot(module_database) == before


@pytest.mark.parametrize(
    "value", [None, "1", 1.0, 1.5, True, False, 2, -2, 2**70, [], [1], {}, {"$ne": 0}, "", "up"], ids=repr
)
def test_value_is_400_when_it_is_none_of_the_three(app: Flask, database: Database, value: object) -> None:
    before = snapshot(database)
    assert outcome(ADA.put(app, "entry", "plain", value)) == refused(400, "Invalid value")
    assert snapshot(database) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"value"',
        b'{"value":1,"value":1}',
        b'{"value":NaN}',
        b"\xff",
        b'{"a":"\\ud800"}',
        b"[" * 9_999,
    ],
)
def test_body_is_400_when_it_is_no_json_object(app: Flask, database: Database, body: bytes) -> None:
    before = snapshot(database)
    answer = ADA.ask(app, "PUT", vote_url("entry", "plain"), body, {"Content-Type": "application/json"})
    assert outcome(answer) == refused(400, "Invalid JSON")
    assert outcome(ADA.ask(app, "PUT", vote_url("entry", "plain"), {})) == refused(400, "Invalid value")
    assert snapshot(database) == before


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {"targets": JSON | st.lists(st.fixed_dictionaries({"type": OBJECTS | JSON, "id": OBJECTS | JSON}))}
    )
    | JSON
)
def test_any_status_is_answered_or_400(app: Flask, module_database: Database, body: Any) -> None:
    before = snapshot(module_database)
    data = json.dumps(body).encode()
    response = ADA.ask(app, "POST", "/api/votes/status", data, {"Content-Type": "application/json"})
    assert outcome(response) in (refused(400, "Invalid targets"), refused(400, "Invalid JSON"))
    assert snapshot(module_database) == before


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(list(TARGETS)), IDS), min_size=1, max_size=6))
def test_status_of_any_ids_is_empty_where_nothing_is_there(
    app: Flask, module_database: Database, asked: list[Any]
) -> None:
    targets = [(type_, id_.encode(errors="replace").decode()) for type_, id_ in asked]
    assert ADA.status(app, *targets) == []


@settings(max_examples=100)
@given(name=st.sampled_from(["Authorization", "Cookie", "Likes-On-Behalf-Of", "Origin"]), value=st.binary(max_size=60))
def test_any_header_is_answered_with_no_5xx(app: Flask, module_database: Database, name: str, value: bytes) -> None:
    text = "".join(chr(byte) for byte in value if byte >= 32 and byte != 127)
    caller = Caller({name: text})
    for response in (
        caller.put(app, "entry", "none", 1),
        caller.get(app, "entry", "none"),
        caller.ask(app, "POST", "/api/votes/status", {"targets": [{"type": "entry", "id": "none"}]}),
        caller.ask(app, "GET", "/api/me"),
        caller.ask(app, "GET", "/api/counts?target=entry:none"),
    ):
        assert response.status_code < 500


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api", 404, "Not found"),
        ("GET", "/api/none", 404, "Not found"),
        ("GET", "/api/targets", 404, "Not found"),
        ("GET", "/api/targets/entry/plain", 404, "Not found"),
        ("GET", "/api/targets/entry//vote", 404, "Not found"),
        ("GET", "/api/targets//plain/vote", 404, "Not found"),
        ("GET", "/api/targets/entry/plain/vote/", 404, "Not found"),
        ("GET", "/api/targets/entry/a/b/vote", 404, "Not found"),
        ("GET", "//api/targets/entry/plain/vote", 404, "Not found"),
        ("GET", "/api%2Ftargets/entry/plain/vote", 404, "Not found"),
        ("GET", "/api/targets/page/plain/vote", 400, "Invalid target type"),
        ("DELETE", "/api/targets/page/plain/vote", 400, "Invalid target type"),
        ("POST", "/api/targets/entry/plain/vote", 405, "Method not allowed"),
        ("GET", "/api/votes/status", 405, "Method not allowed"),
        ("POST", "/api/counts", 405, "Method not allowed"),
        ("DELETE", "/api/me", 405, "Method not allowed"),
    ],
)
def test_other_urls_and_methods_are_in_the_dialect(
    app: Flask, database: Database, method: str, path: str, status: int, error: str
) -> None:
    response = app.test_client().open(
        "/",
        method=method,
        headers=ADA.headers,
        environ_overrides={"RAW_URI": path, "PATH_INFO": path.replace("%2F", "/")},
    )
    assert outcome(response) == refused(status, error)
    assert ("Allow" in response.headers) is (status == 405)


def test_contracts_1_and_3_keep_their_dialects(app: Flask) -> None:
    assert outcome(app.test_client().get("/api/v1/none")) == (404, {"code": 404, "message": "Not found"})
    assert outcome(app.test_client().get("/api/likes")) == refused(405, "Method not allowed")


@settings(max_examples=100)
@given(IDS.filter(lambda id_: id_ not in {".", ".."}))
def test_id_is_what_was_encoded(app: Flask, module_database: Database, id_: str) -> None:
    id_ = id_.encode(errors="replace").decode()
    module_database["questions"].insert_one({"_id": id_})
    try:
        assert ADA.ask(app, "PUT", f"/api/targets/question/{quote(id_, safe='')}/vote", {"value": 1}).status_code == 200
        [found] = module_database["questions"].find()
        assert found["likedBy"] == ["ada"]
    finally:
        module_database["questions"].delete_many({})
