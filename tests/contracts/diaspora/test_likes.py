"""Contract 3 row by row, on the real server: what each route answers, what it changes and what it costs."""

import pytest

from harness.documents import snapshot
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
