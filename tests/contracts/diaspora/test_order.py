"""The order of contract 3's checks: whatever is wrong with a request, its answer is the first of its errors."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from harness.documents import all_faults
from tests.support.diaspora import (
    ALICE,
    BOB,
    EVERY_SCOPE,
    EXISTS,
    GONE,
    NOT_ALLOWED,
    PUBLIC,
    ROUTES,
    SHARED,
    Pod,
    Route,
    call,
    comment_on,
    set_likers,
    token_of,
)

each_route = pytest.mark.parametrize("route", ROUTES, ids=str)


ORDER: Mapping[str, tuple[int, Any]] = {
    "several tokens": (400, "invalid_request"),
    "unknown token": (401, "invalid_token"),
    "no public:read": (403, {"code": 403, "message": "insufficient_scope"}),
    "no interactions": (403, {"code": 403, "message": "insufficient_scope"}),
    "no post": (404, None),
    "private post": (422, NOT_ALLOWED),
    "no comment": (404, None),
    "liked": (409, EXISTS),
    "ignored": (422, NOT_ALLOWED),
    "not liked": (410, GONE),
}


def faults_of(route: Route) -> list[str]:
    """List what can be wrong with a request to a route, in the order of the checks."""
    only: Mapping[str, bool] = {
        "no interactions": route.method != "GET",
        "no comment": route.on_comment,
        "liked": route.method == "POST",
        "ignored": route.method == "POST",
        "not liked": route.method == "DELETE",
    }
    return [fault for fault in ORDER if only.get(fault, True)]


def spoilt(pod: Pod, route: Route, faults: set[str]) -> Any:
    """Send a request in which all of these are wrong, and nothing else."""
    post = SHARED if "private post" in faults else PUBLIC
    liked = "liked" in faults or (route.method == "DELETE" and "not liked" not in faults)
    set_likers(pod.database, route, [BOB] if liked else [], post)
    pod.database["likes_people"].update_one({"_id": ALICE}, {"$set": {"ignores": [BOB] if "ignored" in faults else []}})
    lacking = {fault.removeprefix("no ") for fault in faults} | (
        {"private:read"} if "private post" in faults else set()
    )
    token = token_of(pod.database, scopes=EVERY_SCOPE - lacking)
    url = route.url(
        "nowhere" if "no post" in faults else post, "nowhere" if "no comment" in faults else comment_on(post)
    )
    options = {"query_string": {"access_token": token}} if "several tokens" in faults else {}
    return call(pod.app, route, "f" * 64 if "unknown token" in faults else token, url, **options)


@each_route
def test_answer_is_the_first_documented_error_when_a_request_has_one_fault_or_two(pod: Pod, route: Route) -> None:
    faults = faults_of(route)
    for pair in [*combinations(faults, 2), *((fault,) for fault in faults)]:
        response = spoilt(pod, route, set(pair))
        status, body = ORDER[pair[0]]
        if isinstance(body, str):
            assert (response.status_code, response.get_json()["error"]) == (status, body), pair
        else:
            assert (response.status_code, response.get_json()) == (status, body or route.not_found), pair
    assert not all_faults(pod.database)


@each_route
def test_request_succeeds_when_nothing_is_spoilt(pod: Pod, route: Route) -> None:
    assert spoilt(pod, route, set()).status_code == (200 if route.method == "GET" else 204)
