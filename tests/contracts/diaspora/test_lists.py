"""Contract 3's lists: likes with their authors, in order, page by page along the ``Link`` headers."""

import re
from itertools import pairwise

import pytest

from likes_api.app import create_app
from tests.support.diaspora import (
    ALICE,
    BOB,
    CAROL,
    LIKES,
    LISTS,
    PUBLIC,
    UNLIKES,
    Pod,
    Route,
    authors,
    call,
    crowd,
    links,
    query,
    set_likers,
    token_of,
)
from tests.support.settings import settings

each_list = pytest.mark.parametrize("route", LISTS, ids=str)


# -- What a list holds


@each_list
def test_list_is_an_empty_array_when_nobody_likes(pod: Pod, route: Route) -> None:
    response = call(pod.app, route, token_of(pod.database))
    assert (response.status_code, response.get_json(), links(response)) == (200, [], {})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "private, no-store"


@each_list
def test_list_has_exactly_the_documented_members_when_there_are_likes(pod: Pod, route: Route) -> None:
    pod.database["likes_people"].update_one({"_id": CAROL}, {"$set": {"avatar": ""}})
    set_likers(pod.database, route, [ALICE, BOB, CAROL])
    bob, alice, carol = call(pod.app, route, token_of(pod.database)).get_json()
    assert all(list(like) == ["guid", "author"] for like in (bob, alice, carol))
    assert all(re.fullmatch(r"[0-9a-f]{32}", like["guid"]) for like in (bob, alice, carol))
    assert bob["author"] == {"guid": BOB, "diaspora_id": "bob@example.com", "name": "Bob"}
    assert carol["author"] == {"guid": CAROL, "diaspora_id": "carol@example.com", "name": "Carol"}
    assert list(alice["author"].items()) == [
        ("guid", ALICE),
        ("diaspora_id", "alice@example.com"),
        ("name", "Alice"),
        ("avatar", "http://example.com/a.jpg"),
    ]


def test_guids_are_unique_over_posts_and_comments_and_stay_when_others_vote(pod: Pod) -> None:
    token = token_of(pod.database)
    pod.database["likes_comments"].insert_one({"_id": PUBLIC, "post": PUBLIC, "author": CAROL})
    urls = [LISTS[0].url(), LISTS[1].url(), LISTS[1].url(PUBLIC, PUBLIC)]
    for collection in ("likes_posts", "likes_comments"):
        pod.database[collection].update_many({}, {"$set": {"likedBy": [ALICE, CAROL], "upvotes": 2}})
    seen = [{like["guid"] for like in call(pod.app, LISTS[0], token, url).get_json()} for url in urls]
    assert len(set.union(*seen)) == 6
    call(pod.app, LIKES[0], token)
    assert seen[0] < {like["guid"] for like in call(pod.app, LISTS[0], token).get_json()}
    call(pod.app, UNLIKES[0], token)
    assert seen[0] == {like["guid"] for like in call(pod.app, LISTS[0], token).get_json()}


@each_list
def test_likes_of_people_who_are_gone_are_left_out_when_pages_are_cut(pod: Pod, route: Route) -> None:
    everyone = crowd(pod, route, 20, own_place=10)
    gone = everyone[3:14]
    pod.database["likes_people"].delete_many({"_id": {"$in": gone}})
    token = token_of(pod.database)
    pages = [call(pod.app, route, token, query_string={"page": page, "per_page": 5}) for page in range(1, 5)]
    assert [authors(page) for page in pages] == [everyone[:3], [], everyone[14:15], everyone[15:]]
    assert [set(links(page)) for page in pages] == [{"next"}, {"next", "previous"}, {"next", "previous"}, {"previous"}]


# -- Order and pages


@each_list
@pytest.mark.parametrize("own_place", [None, 0, 500, 999])
def test_thousand_likes_come_once_each_own_first_when_links_are_followed(
    pod: Pod, route: Route, own_place: int | None
) -> None:
    everyone = crowd(pod, route, 1_000, own_place)
    token = token_of(pod.database)
    call(pod.app, route, token)  # the first page of a process also reads the key of the guids
    url: str | None = f"{route.url()}?per_page=90&filter=none&per_page=7"
    walked, guids, pages = [], set(), []
    while url is not None:
        with pod.counted.during() as commands:
            response = call(pod.app, route, token, url)
        # The token, the post, the likers, their names: whatever the page.
        assert commands == ["aggregate", "aggregate", "aggregate", "find"]
        walked += authors(response)
        guids |= {like["guid"] for like in response.get_json()}
        pages.append((url, links(response)))
        url = links(response).get("next")
    assert walked == everyone
    assert len(guids) == 1_000
    assert len(pages) == 12
    assert "previous" not in pages[0][1]
    for (here, _), (_, beyond) in pairwise(pages):
        assert dict(query(here)) | {"page": "x"} == dict(query(beyond["previous"])) | {"page": "x"}


def test_first_page_of_a_process_takes_one_command_more_when_the_key_is_unread(pod: Pod) -> None:
    app = create_app(settings(), pod.observed)
    set_likers(pod.database, LISTS[0], [ALICE])
    token = token_of(pod.database)
    with pod.counted.during() as commands:
        call(app, LISTS[0], token)
    assert commands == ["aggregate", "aggregate", "aggregate", "find", "findAndModify"]


@each_list
def test_pages_stay_as_they_are_when_others_like_meanwhile(pod: Pod, route: Route) -> None:
    everyone = crowd(pod, route, 30, own_place=29)
    token, carols = token_of(pod.database), token_of(pod.database, CAROL)
    assert authors(call(pod.app, route, token)) == everyone[:15]
    call(pod.app, Route("POST", route.on_comment), carols)
    second = call(pod.app, route, token, query_string={"page": 2})
    assert authors(second) == everyone[15:]
    assert authors(call(pod.app, route, token, links(second)["next"])) == [CAROL]


@each_list
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, slice(0, 15)),
        ({"page": "2"}, slice(15, 30)),
        ({"page": "3"}, slice(30, 45)),
        ({"page": "02", "per_page": "015"}, slice(15, 30)),
        ({"per_page": "1"}, slice(0, 1)),
        ({"per_page": "100"}, slice(0, 40)),
        ({"per_page": "101"}, slice(0, 40)),
        ({"per_page": "00101"}, slice(0, 40)),
        ({"per_page": str(2**64)}, slice(0, 40)),
        ({"per_page": "0" * 200 + "7"}, slice(0, 7)),
        ({"per_page": "0"}, slice(0, 15)),
        ({"per_page": "-5"}, slice(0, 15)),
        ({"per_page": "1e1"}, slice(0, 15)),
        ({"per_page": "5.0"}, slice(0, 15)),
        ({"per_page": "9" * 5_000}, slice(0, 40)),
        ({"per_page[]": "1"}, slice(0, 15)),
        ({"per_page": ""}, slice(0, 15)),
        ({"page": "0"}, slice(0, 15)),
        ({"page": "-1"}, slice(0, 15)),
        ({"page": "1e9"}, slice(0, 15)),
        ({"page": "+2"}, slice(0, 15)),
        ({"page": " 2"}, slice(0, 15)),
        ({"page": "٢"}, slice(0, 15)),
        ({"page": "2\0"}, slice(0, 15)),
        ({"page": "9" * 5_000}, slice(45, 60)),
        ({"page[]": "2"}, slice(0, 15)),
        ({"page": "4"}, slice(45, 60)),
        ({"page": "1000000000"}, slice(45, 60)),
        ({"page": str(2**31)}, slice(45, 60)),
        ({"page": str(2**63)}, slice(45, 60)),
        ({"page": str(10**30), "per_page": "100"}, slice(45, 60)),
    ],
)
def test_page_is_the_one_asked_for_and_bad_values_fall_back(
    pod: Pod, route: Route, query: dict[str, str], expected: slice
) -> None:
    everyone = crowd(pod, route, 40, own_place=7)
    assert authors(call(pod.app, route, token_of(pod.database), query_string=query)) == everyone[expected]


@each_list
def test_page_holds_a_hundred_when_more_are_asked_for(pod: Pod, route: Route) -> None:
    everyone = crowd(pod, route, 120)
    response = call(pod.app, route, token_of(pod.database), query_string={"per_page": 1_000})
    assert authors(response) == everyone[:100]
    assert authors(call(pod.app, route, token_of(pod.database), links(response)["next"])) == everyone[100:]
