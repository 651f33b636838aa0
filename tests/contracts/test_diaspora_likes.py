"""Contract 3 row by row, on the real server: what each route answers, in which order it checks, what it changes."""

from collections.abc import Mapping
from itertools import combinations, product
from typing import Any

import pytest
from flask import Flask

from harness.documents import all_faults, snapshot
from likes_api.app import create_app
from likes_api.mongodb.client import connect
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetNotFound
from tests.support.diaspora import (
    ALICE,
    BOB,
    BOBS_OWN,
    CAROL,
    EVERY_SCOPE,
    EXISTS,
    GONE,
    LIKES,
    LISTS,
    NOT_ALLOWED,
    PUBLIC,
    ROUTES,
    SECRET,
    SHARED,
    UNLIKES,
    Pod,
    Route,
    call,
    comment_on,
    likers,
    set_likers,
    token_of,
)
from tests.support.settings import settings

each_route = pytest.mark.parametrize("route", ROUTES, ids=str)
each_list = pytest.mark.parametrize("route", LISTS, ids=str)
each_like = pytest.mark.parametrize("route", LIKES, ids=str)
each_unlike = pytest.mark.parametrize("route", UNLIKES, ids=str)
each_comment_route = pytest.mark.parametrize("route", [route for route in ROUTES if route.on_comment], ids=str)


def succeeds(pod: Pod, route: Route, post: str, token: str) -> bool:
    """Whether a request succeeds, after the likes that it needs have been made."""
    set_likers(pod.database, route, [BOB] if route.method == "DELETE" else [], post)
    status = call(pod.app, route, token, route.url(post)).status_code
    return status == (200 if route.method == "GET" else 204)


# -- Likes come and go


@each_like
def test_like_is_added_with_204_when_there_was_none(pod: Pod, route: Route) -> None:
    set_likers(pod.database, route, [CAROL])
    response = call(pod.app, route, token_of(pod.database))
    assert (response.status_code, response.data, response.content_type) == (204, b"", None)
    assert likers(pod.database, route) == [CAROL, BOB]


@each_like
def test_answer_is_409_and_nothing_changes_when_the_like_exists(pod: Pod, route: Route) -> None:
    set_likers(pod.database, route, [BOB, CAROL])
    token = token_of(pod.database)
    before = snapshot(pod.database)
    response = call(pod.app, route, token)
    assert (response.status_code, response.get_json()) == (409, EXISTS)
    assert snapshot(pod.database) == before


@each_unlike
def test_like_is_taken_back_with_204_when_it_exists(pod: Pod, route: Route) -> None:
    set_likers(pod.database, route, [ALICE, BOB, CAROL])
    response = call(pod.app, route, token_of(pod.database))
    assert (response.status_code, response.data, response.content_type) == (204, b"", None)
    assert likers(pod.database, route) == [ALICE, CAROL]


@each_unlike
def test_answer_is_410_and_nothing_changes_when_the_like_does_not_exist(pod: Pod, route: Route) -> None:
    set_likers(pod.database, route, [CAROL])
    token = token_of(pod.database)
    before = snapshot(pod.database)
    response = call(pod.app, route, token)
    assert (response.status_code, response.get_json()) == (410, GONE)
    assert snapshot(pod.database) == before


@each_unlike
def test_dislike_stays_when_a_host_imported_one_and_there_is_no_like(pod: Pod, route: Route) -> None:
    imported = {"dislikedBy": [BOB], "downvotes": 1}
    pod.database[route.collection].update_one({"_id": route.target()}, {"$set": imported})
    response = call(pod.app, route, token_of(pod.database))
    assert (response.status_code, response.get_json()) == (410, GONE)
    assert pod.database[route.collection].find_one({"_id": route.target(), "dislikedBy": BOB, "downvotes": 1})


@pytest.mark.parametrize("like", LIKES, ids=str)
def test_like_on_a_post_is_none_on_its_comment_when_either_is_liked(pod: Pod, like: Route) -> None:
    token = token_of(pod.database)
    assert call(pod.app, like, token).status_code == 204
    other = next(route for route in LIKES if route is not like)
    assert likers(pod.database, other) == []
    assert call(pod.app, other, token).status_code == 204


@each_like
def test_own_post_may_be_liked_when_its_author_is_on_their_own_list_of_ignored(pod: Pod, route: Route) -> None:
    pod.database["likes_people"].update_one({"_id": BOB}, {"$set": {"ignores": [BOB]}})
    assert call(pod.app, route, token_of(pod.database), route.url(BOBS_OWN)).status_code == 204
    assert likers(pod.database, route, BOBS_OWN) == [BOB]


# -- Who may see and like what


@each_route
@pytest.mark.parametrize("post", [PUBLIC, SHARED, BOBS_OWN])
def test_post_is_open_when_it_is_public_shared_or_own(pod: Pod, route: Route, post: str) -> None:
    assert succeeds(pod, route, post, token_of(pod.database))


@each_route
@pytest.mark.parametrize("post", [SHARED, SECRET, BOBS_OWN])
def test_answer_is_404_when_the_post_is_not_visible(pod: Pod, route: Route, post: str) -> None:
    token = token_of(pod.database, CAROL)
    before = snapshot(pod.database)
    response = call(pod.app, route, token, route.url(post))
    assert (response.status_code, response.get_json()) == (404, route.not_found)
    assert list(response.get_json()) == ["code", "message"]
    assert snapshot(pod.database) == before


@each_route
@pytest.mark.parametrize("post", [SHARED, BOBS_OWN])
def test_answer_is_422_when_a_private_post_meets_a_token_without_private_read(
    pod: Pod, route: Route, post: str
) -> None:
    token = token_of(pod.database, scopes=EVERY_SCOPE - {"private:read"})
    before = snapshot(pod.database)
    response = call(pod.app, route, token, route.url(post))
    assert (response.status_code, response.get_json()) == (422, NOT_ALLOWED)
    assert snapshot(pod.database) == before


@each_route
def test_public_post_is_open_when_the_token_has_no_private_read(pod: Pod, route: Route) -> None:
    assert succeeds(pod, route, PUBLIC, token_of(pod.database, scopes=EVERY_SCOPE - {"private:read"}))


@each_like
def test_answer_is_422_when_the_author_of_the_post_ignores_the_person(pod: Pod, route: Route) -> None:
    pod.database["likes_people"].update_one({"_id": ALICE}, {"$set": {"ignores": [CAROL, BOB]}})
    token = token_of(pod.database)
    before = snapshot(pod.database)
    response = call(pod.app, route, token)
    assert (response.status_code, response.get_json()) == (422, NOT_ALLOWED)
    assert snapshot(pod.database) == before


def test_comment_may_be_liked_when_only_its_own_author_ignores_the_person(pod: Pod) -> None:
    pod.database["likes_people"].update_one({"_id": CAROL}, {"$set": {"ignores": [BOB]}})
    assert call(pod.app, LIKES[1], token_of(pod.database)).status_code == 204


@pytest.mark.parametrize("route", LISTS + UNLIKES, ids=str)
def test_ignored_person_may_still_read_and_take_back_when_they_liked_before(pod: Pod, route: Route) -> None:
    pod.database["likes_people"].update_one({"_id": ALICE}, {"$set": {"ignores": [BOB]}})
    assert succeeds(pod, route, PUBLIC, token_of(pod.database))


@each_comment_route
@pytest.mark.parametrize("comment", [comment_on(SHARED), "nowhere", PUBLIC])
def test_answer_is_404_when_the_comment_is_not_on_this_post(pod: Pod, route: Route, comment: str) -> None:
    response = call(pod.app, route, token_of(pod.database), route.url(PUBLIC, comment))
    assert (response.status_code, response.get_json()) == (404, route.not_found)


ODD_GUIDS = (
    *("0", "123", "-1", "1e9", "%00", "post-public%00", "%20post-public", "POST-PUBLIC", "post-public.", "*", "null"),
    *("%FF", "%ED%A0%80", "%F0%9F%98%80", "%0A", "%C2%A0", "%7B%22$ne%22:%22%22%7D", "$ne", "..%5C..", "a" * 3_000),
)


@each_route
def test_answer_is_404_when_a_guid_is_odd(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    for guid in ODD_GUIDS:
        urls = [route.url(guid, comment_on(PUBLIC)), *([route.url(PUBLIC, guid)] if route.on_comment else [])]
        for url in urls:
            response = call(pod.app, route, token, url)
            assert (response.status_code, response.get_json()) == (404, route.not_found), url


# -- The order of checks

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


# -- The target that goes meanwhile, the database that is away


@each_route
def test_answer_is_404_when_the_target_goes_after_it_was_looked_up(
    pod: Pod, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object, target: Target, *__: object) -> None:
        raise TargetNotFound(target)

    for name in ("set", "clear", "tally"):
        monkeypatch.setattr(VoteRepository, name, gone)
    monkeypatch.setattr("likes_api.repository.votes.repository.VoteRepository.likers", gone)
    response = call(pod.app, route, token_of(pod.database))
    assert (response.status_code, response.get_json()) == (404, route.not_found)


@each_route
def test_answer_is_503_when_the_database_is_away(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likes_api.mongodb.timeouts.REQUEST_DATABASE_SECONDS", 0.1)
    with connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20") as stranded:
        response = call(create_app(settings(), stranded["away"]), route, "0" * 64)
    assert (response.status_code, response.get_json()) == (503, {"code": 503, "message": "Service unavailable"})


# -- How many round trips


@each_like
def test_like_takes_three_commands_and_a_refused_one_at_most_four(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    with pod.counted.during() as added:
        call(pod.app, route, token)
    with pod.counted.during() as refused:
        call(pod.app, route, token)
    pod.database["likes_people"].update_one({"_id": ALICE}, {"$set": {"ignores": [BOB]}})
    with pod.counted.during() as ignored:
        call(pod.app, route, token)
    assert added == ["aggregate", "aggregate", "findAndModify"]
    assert refused == ["aggregate", "aggregate", "findAndModify", "aggregate"]
    assert ignored == ["aggregate", "aggregate", "aggregate"]


@each_unlike
def test_unlike_takes_three_commands_and_a_refused_one_four(pod: Pod, route: Route) -> None:
    token = token_of(pod.database)
    set_likers(pod.database, route, [BOB])
    with pod.counted.during() as removed:
        call(pod.app, route, token)
    with pod.counted.during() as refused:
        call(pod.app, route, token)
    assert removed == ["aggregate", "aggregate", "findAndModify"]
    assert refused == ["aggregate", "aggregate", "findAndModify", "aggregate"]


@each_route
def test_request_takes_one_command_or_none_when_its_token_is_refused(pod: Pod, route: Route) -> None:
    for token, expected in (("x" * 64, []), (None, []), ("0" * 64, ["aggregate"])):
        with pod.counted.during() as commands:
            call(pod.app, route, token)
        assert commands == expected


# -- Everything else under the prefix speaks the same dialect


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
