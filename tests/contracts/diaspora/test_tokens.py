"""Contract 3, checks 1 to 3: how a token may come, and what is wrong with one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.documents import snapshot
from likes_api.repository.credentials.tokens import TokenRepository
from tests.support.diaspora import (
    BOB,
    EVERY_SCOPE,
    HOUR,
    LISTS,
    ROUTES,
    Pod,
    Route,
    call,
    likers,
    set_likers,
    token_of,
)

each_route = pytest.mark.parametrize("route", ROUTES, ids=str)
UNKNOWN = "0" * 64
CHALLENGE = re.compile(r'Bearer error="(\w+)", error_description="([^"\\]+)"(?:, scope="([\w:]+)")?')


def refused(response: Any, status: int, error: str) -> re.Match[str]:
    """Assert an answer of RFC 6750, section 3; give its challenge."""
    assert response.status_code == status
    challenge = CHALLENGE.fullmatch(response.headers["WWW-Authenticate"])
    assert challenge
    assert challenge[1] == error
    assert response.get_json() == {"error": error, "error_description": challenge[2]}
    assert list(response.get_json()) == ["error", "error_description"]
    return challenge


def lacking(response: Any) -> str:
    """Assert the contract's own 403, with RFC 6750's challenge; return the scope that it names."""
    assert (response.status_code, response.get_json()) == (403, {"code": 403, "message": "insufficient_scope"})
    assert list(response.get_json()) == ["code", "message"]
    challenge = CHALLENGE.fullmatch(response.headers["WWW-Authenticate"])
    assert challenge
    assert challenge[1] == "insufficient_scope"
    return challenge[3]


def in_header(token: str, scheme: str = "Bearer") -> dict[str, Any]:
    return {"headers": {"Authorization": f"{scheme} {token}"}}


def in_query(token: str) -> dict[str, Any]:
    return {"query_string": {"access_token": token}}


def in_form(token: str) -> dict[str, Any]:
    return {"data": {"access_token": token}, "content_type": "application/x-www-form-urlencoded; charset=utf-8"}


WAYS = [in_header, in_query, in_form]


def ready(pod: Pod, route: Route) -> int:
    """Make a request to a route succeed, and tell with which status."""
    set_likers(pod.database, route, [BOB] if route.method == "DELETE" else [])
    return 200 if route.method == "GET" else 204


@each_route
@pytest.mark.parametrize("way", WAYS)
def test_token_is_accepted_when_it_comes_in_any_of_the_three_ways(pod: Pod, route: Route, way: Any) -> None:
    expected = ready(pod, route)
    assert call(pod.app, route, None, **way(token_of(pod.database))).status_code == expected


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "Bearer\t"])
def test_token_is_accepted_when_the_scheme_is_written_otherwise(pod: Pod, scheme: str) -> None:
    assert call(pod.app, LISTS[0], None, **in_header(token_of(pod.database), scheme)).status_code == 200


@each_route
@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_answer_is_400_when_there_are_two_tokens(pod: Pod, route: Route, first: Any, second: Any) -> None:
    ready(pod, route)
    token = token_of(pod.database)
    before = snapshot(pod.database)
    twice: dict[Any, dict[str, Any]] = {
        in_header: {"headers": {"Authorization": f"Bearer {token}, Bearer {token}"}},
        in_query: {"query_string": f"access_token={token}&access_token={token}"},
        in_form: {**in_form(token), "data": {"access_token": [token, token]}},
    }
    parts = twice[first] if first is second else first(token) | second(UNKNOWN)
    refused(call(pod.app, route, None, **parts), 400, "invalid_request")
    assert snapshot(pod.database) == before


@each_route
@pytest.mark.parametrize("way", WAYS)
def test_answer_is_401_when_the_token_is_unknown(pod: Pod, route: Route, way: Any) -> None:
    ready(pod, route)
    for token in (UNKNOWN, "x", "0" * 63, "0" * 65, "0" * 2_000, "A" * 64, "é" * 64, '{"$ne": ""}', "a b", "a,b"):
        refused(call(pod.app, route, None, **way(token)), 401, "invalid_token")


@each_route
def test_answer_is_401_when_the_token_is_expired_revoked_or_of_nobody(pod: Pod, route: Route) -> None:
    tokens = TokenRepository(pod.database)
    expired = tokens.create(BOB, EVERY_SCOPE, HOUR, datetime.now(UTC) - HOUR - timedelta(seconds=1))
    revoked, orphaned, shouted = (token_of(pod.database) for _ in range(3))
    assert tokens.revoke(revoked)
    for token in (expired, revoked, shouted.upper()):
        refused(call(pod.app, route, token), 401, "invalid_token")
    pod.database["likes_people"].delete_one({"_id": BOB})
    refused(call(pod.app, route, orphaned), 401, "invalid_token")


@each_route
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"Authorization": "Basic Ym9iOmJvYg=="}},
        {"headers": {"Authorization": ""}},
        {"headers": {"Authorization": "Bearers " + UNKNOWN}},
        {"query_string": "access_token="},
        {"query_string": "access_token"},
        {"query_string": {"token": UNKNOWN, "access_token[]": UNKNOWN, "Access_Token": UNKNOWN}},
        {"data": {"access_token": ""}},
        {"json": {"access_token": UNKNOWN}},
        {"data": {"access_token": UNKNOWN}, "content_type": "multipart/form-data"},
        {"data": b"\xff&=&%zz&access_token", "content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_answer_is_401_without_an_error_code_when_there_is_no_token(
    pod: Pod, route: Route, options: dict[str, Any]
) -> None:
    response = call(pod.app, route, None, **options)
    assert (response.status_code, response.get_json()) == (401, {"code": 401, "message": "Unauthorized user"})
    assert list(response.get_json()) == ["code", "message"]
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer  ", "Bearer ,", 'Bearer realm="x"', "Bearer é"])
def test_token_is_invalid_when_the_header_names_the_scheme_and_holds_none(pod: Pod, value: str) -> None:
    refused(call(pod.app, LISTS[0], None, headers={"Authorization": value}), 401, "invalid_token")


def test_invalid_token_does_not_fall_through_when_another_place_is_empty(pod: Pod) -> None:
    token = token_of(pod.database)
    assert call(pod.app, LISTS[0], token, query_string="access_token=").status_code == 200
    refused(call(pod.app, LISTS[0], "", query_string={"access_token": token}), 400, "invalid_request")


def test_token_counts_when_a_proxy_s_own_credential_stands_beside_it(pod: Pod) -> None:
    token = token_of(pod.database)
    for headers in ({"Authorization": "Basic Ym9iOmJvYg=="}, {"Authorization": f"Basic eA==, Bearer {token}"}):
        query = {} if "Bearer" in headers["Authorization"] else in_query(token)
        assert call(pod.app, LISTS[0], None, headers=headers, **query).status_code == 200


@each_route
@pytest.mark.parametrize("missing", ["public:read", "interactions"])
def test_answer_is_403_in_the_contracts_form_when_a_scope_is_missing_even_where_there_is_no_such_post(
    pod: Pod, route: Route, missing: str
) -> None:
    expected = ready(pod, route)
    token = token_of(pod.database, scopes=EVERY_SCOPE - {missing})
    if route.method == "GET" and missing == "interactions":
        assert call(pod.app, route, token).status_code == expected
        return
    before = likers(pod.database, route)
    for post in ("post-public", "post-secret", "nowhere"):
        response = call(pod.app, route, token, route.url(post))
        assert lacking(response) == missing
    assert likers(pod.database, route) == before


@each_route
def test_scope_is_missing_when_it_is_only_similar(pod: Pod, route: Route) -> None:
    for scopes in (["public:rea"], ["public:read "], ["Public:Read"], ["public"], ["read"], ["public:readx"]):
        token = token_of(pod.database, scopes=[*scopes, "interactions", "private:read"])
        assert lacking(call(pod.app, route, token)) in {"public:read", "interactions"}
