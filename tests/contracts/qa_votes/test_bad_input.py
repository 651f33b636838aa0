"""Whatever a stranger sends to contract 1 gets a documented error, never a 5xx, and changes nothing."""

import gzip
import json
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from harness.documents import named_database, snapshot
from harness.nextauth import forge
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support.qa_votes import BALLOT, COOKIE, post, session_of
from tests.support.settings import NEXTAUTH_SECRET
from tests.support.settings import settings as make_settings

BODY = json.dumps(BALLOT).encode()
TOKEN = session_of("ada").partition("=")[2]
INVALID_JSON = {
    "nothing": b"",
    "blank": b" \n",
    "an array": b"[" + BODY + b"]",
    "a string": b'"q_123"',
    "null": b"null",
    "a number": b"1",
    "two objects": BODY + BODY,
    "half an object": BODY[:-1],
    "a form": b"targetId=q_123&targetType=question",
    "single quotes": BODY.replace(b'"', b"'"),
    "a trailing comma": BODY[:-1] + b",}",
    "a comment": BODY + b"// up",
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
    "invalid UTF-8": BODY.replace(b"q_123", b"q_\xff"),
    "overlong UTF-8": BODY.replace(b"q_123", b"q_\xc0\xaf"),
    "a surrogate in UTF-8": BODY.replace(b"q_123", b"\xed\xa0\x80"),
    "a NUL byte at the end": BODY + b"\0",
    "a NUL byte within a string": BODY.replace(b"q_123", b"q_\x00123"),
    "gzip": gzip.compress(BODY),
    "a lone surrogate": BODY.replace(b"q_123", rb"q_\ud800"),
    "a lone surrogate among others": BODY[:-1] + rb', "note": ["\udfff"]}',
    "a lone surrogate as a name": BODY[:-1] + rb', "\ud800": 1}',
    "NaN": BODY[:-1] + b', "n": NaN}',
    "Infinity": BODY[:-1] + b', "n": -Infinity}',
    "an integer of 5,001 digits": BODY[:-1] + b', "n": 1' + b"0" * 5_000 + b"}",
    "a target id of 5,001 digits": BODY.replace(b'"q_123"', b"1" + b"0" * 5_000),
    "targetId twice": BODY[:-1] + b', "targetId": "q_123"}',
    "voteType twice, spelt differently": BODY[:-1] + rb', "vote\u0054ype": "down"}',
    "a key twice further in": BODY[:-1] + b', "n": {"a": 1, "a": 1}}',
    "8,000 arrays": b"[" * 8_000 + b"]" * 8_000,
    "16,000 arrays without end": b"[" * 16_000,
    "2,500 objects": b'{"a":' * 2_500 + b"1" + b"}" * 2_500,
    "arrays in a target id": BODY.replace(b'"q_123"', b"[" * 7_000 + b"]" * 7_000),
}


@pytest.fixture(scope="module")
def database(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        database["questions"].insert_one({"_id": "q_123", "upvotes": 1, "likedBy": ["bob"], "title": "Why?"})
        database["messages"].insert_one({"_id": "msg_456"})
        yield database


@pytest.fixture(scope="module")
def app(database: Database) -> Flask:
    return create_app(make_settings(), database)


@pytest.fixture(autouse=True)
def unchanged(database: Database) -> Iterator[None]:
    """Compare the documents before and after each test of this module."""
    before = snapshot(database)
    yield
    assert snapshot(database) == before


@pytest.mark.parametrize("body", INVALID_JSON.values(), ids=INVALID_JSON)
def test_answer_is_invalid_json_when_the_body_is_no_json_object(app: Flask, body: bytes) -> None:
    response = post(app, body)
    assert (response.status_code, response.get_json()) == (400, {"error": "Invalid JSON"})


@pytest.mark.parametrize("size", [16_385, 100_000, 10_000_000])
@pytest.mark.parametrize("start", [b" ", b"[", b'{"targetId": "', BODY, b"\xff"])
def test_answer_is_413_when_the_body_is_longer_than_16_kib(app: Flask, size: int, start: bytes) -> None:
    response = post(app, start + start[-1:] * (size - len(start)))
    assert (response.status_code, response.get_json()) == (413, {"error": "Request entity too large"})


@pytest.mark.parametrize("user", [None, "ada"])
def test_answer_is_401_or_403_when_a_long_body_would_not_be_read_anyway(app: Flask, user: str | None) -> None:
    response = post(app, b"[" * 10_000_000, user=user, headers={"Origin": "https://evil.example"})
    assert response.status_code == (403 if user else 401)


def test_body_of_just_16_kib_is_read(app: Flask) -> None:
    body = json.dumps(BALLOT | {"targetId": ""}).encode()
    assert post(app, body + b" " * (16_384 - len(body))).get_json() == {"error": "Missing parameters"}


@pytest.mark.parametrize(
    "target_id",
    [
        "x" * 10_000,
        "\0",
        "q_123\0",
        "q_123\n",
        " q_123",
        "Q_123",
        "$ne",
        '{"$ne": ""}',
        "questions/q_123",
        "../q_123",
        "_id",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "\uffff\u202e",
        "0" * 24,
        "\u0660" * 24,
        "1" + "0" * 5_000,
    ],
)
def test_answer_is_404_when_the_target_id_is_any_strange_string(app: Flask, target_id: str) -> None:
    for target_type in ("question", "message"):
        response = post(app, BALLOT | {"targetId": target_id, "targetType": target_type})
        assert (response.status_code, response.get_json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize("query", ["targetId=q_123&targetType=question", "voteType=up", "%00%ff", "a[$ne]=1"])
def test_query_string_counts_for_nothing(app: Flask, query: str) -> None:
    assert post(app, {}, query_string=query).get_json() == {"error": "Missing parameters"}


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";",
        "=",
        COOKIE,
        f"{COOKIE}=",
        f"{COOKIE}=;{COOKIE}=",
        f"{COOKIE}=....",
        f"{COOKIE}=a.b.c.d.e",
        f"{COOKIE}={TOKEN[:-2]}",
        f"{COOKIE}={TOKEN}x",
        f"{COOKIE}={TOKEN}.",
        f"{COOKIE}={TOKEN.rsplit('.', 1)[0]}",
        f"{COOKIE}={TOKEN.replace('.', '%2E%00')}",
        f"{COOKIE}.0={TOKEN[:50]}",
        f"{COOKIE}.1={TOKEN}",
        f"{COOKIE}.00={TOKEN}",
        f"{COOKIE}.99999999999999999999={TOKEN}",
        f"x{COOKIE}={TOKEN}",
        f"{COOKIE.upper()}={TOKEN}",
        f"__Secure-{COOKIE}=planted; {COOKIE}={TOKEN}",
        f'{COOKIE}={{"$ne": ""}}',
        f"{COOKIE}[$ne]=",
        f"{COOKIE}=null",
        f"{COOKIE}=%00",
        f"{COOKIE}=%ff%fe",
        f"{COOKIE}=\xff\xfe",
        f"{COOKIE}=" + "a" * 15_000,
        f"{COOKIE}=" + "." * 4 + "A" * 15_000,
        "; ".join(f"{COOKIE}.{number}=a" for number in range(500)),
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': 'ada'})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': 'ada', 'exp': 1})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': {'$ne': ''}, 'exp': 2**40})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': '', 'exp': 2**40})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': 'a' + chr(0), 'exp': 2**40})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': 'x' * 10_000, 'exp': 2**40})}",
        f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, b'not JSON')}",
        f"{COOKIE}={forge.v4('another secret of the same length as', {'sub': 'ada', 'exp': 2**40})}",
    ],
    ids=lambda _: "cookie",
)
def test_answer_is_401_when_the_cookie_is_malformed_or_not_ours(app: Flask, cookie: str) -> None:
    response = post(app, headers={"Cookie": cookie})
    assert (response.status_code, response.get_json()) == (401, {"error": "Unauthorized"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "-1"},
        {"Content-Length": "x"},
        {"Content-Type": "application/json; charset=no-such"},
        {"Content-Type": 'application/json; charset="'},
        {"Content-Encoding": "gzip"},
        {"Host": "evil host"},
        {"Host": "localhost:99999"},
        {"Host": "localhost:99999", "Origin": "http://localhost:99999"},
        {"Host": ""},
        {"Origin": "\xff"},
        {"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"},
        {"X-Request-ID": "\xff" * 500},
        {"X-HTTP-Method-Override": "DELETE"},
    ],
)
def test_answer_is_documented_when_a_header_is_nonsense(app: Flask, headers: dict[str, str]) -> None:
    response = post(app, BALLOT | {"targetId": "unknown"}, headers=headers)
    assert response.status_code in {400, 403, 404, 415}
    assert list(response.get_json()) == ["error"]


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MEMBER = st.sampled_from(["question", "message", "up", "down", "unknown", ""]) | JSON_VALUE
BODIES = st.fixed_dictionaries(
    {}, optional={"targetId": MEMBER, "targetType": MEMBER, "voteType": MEMBER, "likedBy": JSON_VALUE}
)


def documented(body: dict[str, object]) -> tuple[int, str]:
    """Return the contract's answer to a ballot for a target that does not exist."""
    target_id, target_type = body.get("targetId"), body.get("targetType")
    if not (isinstance(target_id, str) and target_id and isinstance(target_type, str) and target_type):
        return 400, "Missing parameters"
    if target_type not in {"question", "message"}:
        return 400, "Invalid target type"
    if body.get("voteType", "up") not in ("up", "down"):
        return 400, "Invalid vote type"
    return 404, "Not found"


@given(body=BODIES)
@example(body={"targetId": "unknown", "targetType": "message"})
@settings(max_examples=300)
def test_any_object_is_answered_as_documented(app: Flask, body: dict[str, object]) -> None:
    response = post(app, body)
    assert (response.status_code, response.get_json()["error"]) == documented(body)


@given(body=st.binary(max_size=200) | JSON_VALUE.map(lambda value: json.dumps(value).encode()[:-1]))
@settings(max_examples=300)
def test_any_bytes_are_refused_as_bad_input(app: Flask, body: bytes) -> None:
    response = post(app, body)
    assert response.status_code == 400
    assert response.get_json()["error"] in {"Invalid JSON", "Missing parameters"}


@given(
    name=st.sampled_from([COOKIE, f"__Secure-{COOKIE}", f"{COOKIE}.0", "authjs.session-token"]),
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
    | st.lists(st.text("abcAQ_-09%", max_size=8), min_size=5, max_size=5).map(".".join),
)
@settings(max_examples=200)
def test_any_cookie_is_no_session(app: Flask, name: str, value: str) -> None:
    assert post(app, headers={"Cookie": f"{name}={value}"}).status_code == 401
