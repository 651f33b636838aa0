"""Contract 3 under anything that a client may send as token, page, guid or body: never a 5xx, and nothing changes."""

import string
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from harness.documents import emptied_afterwards, snapshot
from likes_api.mongodb.documents import Document
from tests.support import diaspora
from tests.support.diaspora import BOB, CAROL, LISTS, ROUTES, Pod, Route, call, set_likers, token_of

FUZZ = settings(max_examples=150)
routes = st.sampled_from(ROUTES)
any_bytes = (
    st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | st.text("0123456789abcdef").map(str.encode)
)
# What a server may hand over as a header's value: Latin-1 without line breaks.
header_values = any_bytes.map(lambda raw: raw.translate(None, b"\r\n\0").decode("latin-1"))
numbers = (
    st.integers().map(str)
    | st.floats().map(str)
    | st.text(max_size=30)
    | st.sampled_from(["1e9", "0x1", "\N{ARABIC-INDIC DIGIT ONE}", ""])
)


@pytest.fixture(scope="module")
def busy_pod(empty_pod: Pod) -> Iterator[Pod]:
    with emptied_afterwards(empty_pod.database):
        diaspora.populate(empty_pod.database)
        for route in LISTS:
            set_likers(empty_pod.database, route, [CAROL, BOB])
        before = targets(empty_pod)
        yield empty_pod
        assert targets(empty_pod) == before


def targets(pod: Pod) -> dict[str, list[Document]]:
    return {name: documents for name, documents in snapshot(pod.database).items() if not name.startswith("likes_")}


@pytest.fixture(scope="module")
def token(busy_pod: Pod) -> str:
    return token_of(busy_pod.database)


def answer(pod: Pod, route: Route, **environment: Any) -> tuple[int, bytes]:
    """Send a request as a WSGI server would, past the test client's own cleaning."""
    body = environment.pop("body", b"")
    environ = EnvironBuilder(route.url(), method=route.method).get_environ() | environment
    chunks, status, _ = run_wsgi_app(
        pod.app, environ | {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}, buffered=True
    )
    return int(status[:3]), b"".join(chunks)


def as_sent(query: bytes) -> str:
    """Write a query as it may reach us: gunicorn itself refuses a URL that is not printable ASCII."""
    return quote(query, safe=string.punctuation)


@FUZZ
@given(route=routes, scheme=st.sampled_from(["Bearer ", "bearer\t", "Basic ", "", "Bearer", ","]), value=header_values)
def test_token_in_the_header_is_refused_when_it_is_anything(
    busy_pod: Pod, route: Route, scheme: str, value: str
) -> None:
    status, _ = answer(busy_pod, route, HTTP_AUTHORIZATION=scheme + value)
    assert status in {400, 401}


@FUZZ
@given(route=routes, key=st.sampled_from([b"access_token=", b"access_token", b"a&access_token=", b""]), value=any_bytes)
def test_token_in_the_query_is_refused_when_it_is_anything(
    busy_pod: Pod, route: Route, key: bytes, value: bytes
) -> None:
    status, _ = answer(busy_pod, route, QUERY_STRING=as_sent(key + value))
    assert status in {400, 401}


@FUZZ
@given(
    route=routes,
    media_type=st.sampled_from(
        ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", ";;=", "é", ""]
    ),
    key=st.sampled_from([b"access_token=", b"access_token", b"--x\r\n", b"{", b""]),
    value=any_bytes,
)
def test_token_in_the_body_is_refused_when_it_is_anything(
    busy_pod: Pod, route: Route, media_type: str, key: bytes, value: bytes
) -> None:
    status, _ = answer(busy_pod, route, body=key + value, CONTENT_TYPE=media_type)
    assert status in {400, 401}


@FUZZ
@given(route=st.sampled_from(LISTS), page=numbers, per_page=numbers, names=st.sampled_from([("", ""), ("[]", "[]")]))
def test_list_is_answered_when_page_parameters_are_anything(
    busy_pod: Pod, token: str, route: Route, page: str, per_page: str, names: tuple[str, str]
) -> None:
    query = {f"page{names[0]}": page, f"per_page{names[1]}": per_page}
    response = call(busy_pod.app, route, token, query_string=query)
    assert response.status_code == 200
    assert len(response.get_json()) <= 2


@FUZZ
@given(route=st.sampled_from(LISTS), query=any_bytes)
def test_list_is_answered_when_the_query_is_anything_without_a_token(
    busy_pod: Pod, token: str, route: Route, query: bytes
) -> None:
    header = f"Bearer {token}"
    status, body = answer(busy_pod, route, HTTP_AUTHORIZATION=header, QUERY_STRING=as_sent(query))
    assert status == 200
    assert body.startswith(b"[")


@FUZZ
@given(route=routes, post=any_bytes, comment=any_bytes)
def test_answer_is_404_or_405_when_guids_are_anything_else(
    busy_pod: Pod, token: str, route: Route, post: bytes, comment: bytes
) -> None:
    middle = b"/comments/" + comment if route.on_comment else b""
    path = (b"/api/v1/posts/" + post + middle + b"/likes").decode("latin-1")
    status, _ = answer(busy_pod, route, HTTP_AUTHORIZATION=f"Bearer {token}", PATH_INFO=path)
    assert status in {404, 405}
