"""Contract 3's lists: likes with their authors, in order, page by page along the ``Link`` headers."""

import json
import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

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
    call,
    set_likers,
    token_of,
)
from tests.support.settings import settings

each_list = pytest.mark.parametrize("route", LISTS, ids=str)
LINK = re.compile(r'<([^<>"]+)>; rel="(next|previous)"')


def links(response: TestResponse) -> dict[str, str]:
    header = response.headers.get("Link")
    if header is None:
        return {}
    found = {relation: url for url, relation in LINK.findall(header)}
    assert header == ", ".join(f'<{url}>; rel="{relation}"' for relation, url in found.items())
    return found


def authors(response: TestResponse) -> list[str]:
    assert response.status_code == 200
    return [like["author"]["guid"] for like in response.get_json()]


def crowd(pod: Pod, route: Route, size: int, own_place: int | None = None) -> list[str]:
    """Let so many people like, Bob in the given place among them; return them in the order of the list."""
    people = [f"person-{number:04}" for number in range(size - (own_place is not None))]
    pod.database["likes_people"].insert_many(
        [{"_id": guid, "diaspora_id": f"{guid}@example.com", "name": guid.title()} for guid in people]
    )
    voters = people if own_place is None else [*people[:own_place], BOB, *people[own_place:]]
    set_likers(pod.database, route, voters)
    return people if own_place is None else [BOB, *people]


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


# -- The Link header


def query(url: str) -> list[tuple[str, str]]:
    """Split a query into pairs; Latin-1 tells all bytes apart."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, encoding="latin-1")


@each_list
@pytest.mark.parametrize(
    ("likes", "page", "expected"),
    [
        (0, 1, set()),
        (0, 2, set()),
        (5, 1, set()),
        (6, 1, {"next"}),
        (6, 2, {"previous"}),
        (10, 2, {"previous"}),
        (11, 2, {"next", "previous"}),
        (1, 2, {"previous"}),
        (10, 3, {"previous"}),
        (6, 3, {"previous"}),
        (6, 4, set()),
        (6, 10**9, set()),
        (6, 10**30, set()),
    ],
)
def test_links_lead_only_to_pages_that_exist(pod: Pod, route: Route, likes: int, page: int, expected: set[str]) -> None:
    set_likers(pod.database, route, [f"person-{number}" for number in range(likes)])
    found = links(call(pod.app, route, token_of(pod.database), query_string={"per_page": 5, "page": page}))
    assert set(found) == expected
    for relation, url in found.items():
        assert url.startswith(f"http://localhost{route.url()}?")
        assert dict(query(url)) == {"per_page": "5", "page": str(page + (1 if relation == "next" else -1))}


@pytest.mark.parametrize(
    "sent",
    ["access_token={}", "a=1&access_token={}", "access%5Ftoken={}&a=1", "%61ccess_token={}", "a=1&&=&access_token={}"],
)
def test_links_hold_no_token_when_it_came_in_the_query(pod: Pod, sent: str) -> None:
    crowd(pod, LISTS[0], 40)
    token = token_of(pod.database)
    response = call(pod.app, LISTS[0], None, query_string=sent.format(token) + "&page=2")
    assert set(links(response)) == {"next", "previous"}
    assert token not in str(response.headers)
    assert "access" not in response.headers["Link"]


def test_links_keep_other_parameters_when_they_are_odd(pod: Pod) -> None:
    crowd(pod, LISTS[0], 40)
    sent = "b=2&b=1&empty=&bare&page=2&%C3%A9=%E2%82%AC&raw=%FF&amp=%26&quote=%22%3E%3C&plus=+&per_page[]=9&page=1"
    found = links(call(pod.app, LISTS[0], token_of(pod.database), query_string=sent))
    kept = [
        (name, value) for name, value in parse_qsl(sent, keep_blank_values=True, encoding="latin-1") if name != "page"
    ]
    for relation, page in (("next", "3"), ("previous", "1")):
        pairs = parse_qsl(urlsplit(found[relation]).query, keep_blank_values=True, encoding="latin-1")
        assert pairs == [*kept, ("page", page)]


@pytest.mark.parametrize(
    "sent", ['a=%FF%FE<>"\\x', "<>;rel=x", "%E2%82%AC", "a=" + "%FF" * 1_300, "%", "%0D%0AX-Evil:1"]
)
def test_link_is_one_well_formed_line_when_the_query_is_not(pod: Pod, sent: str) -> None:
    crowd(pod, LISTS[0], 40)
    response = call(pod.app, LISTS[0], token_of(pod.database), environ_overrides={"QUERY_STRING": sent})
    assert set(links(response)) == {"next"}
    assert response.headers["Link"].isprintable()
    assert response.headers["Link"].isascii()
    assert len(response.headers["Link"]) < 5_000


def test_links_are_absolute_when_host_scheme_and_path_are_special(pod: Pod) -> None:
    pod.database["likes_posts"].insert_one(
        {"_id": 'p<>" é€', "author": ALICE, "public": True, "likedBy": [ALICE, CAROL]}
    )
    url = "/api/v1/posts/p%3C%3E%22%20%C3%A9%E2%82%AC/likes"
    options: dict[str, Any] = {"base_url": "https://pod.example.com:8443", "query_string": "per_page=1"}
    response = call(pod.app, LISTS[0], token_of(pod.database), url, **options)
    assert links(response) == {"next": f"https://pod.example.com:8443{url}?per_page=1&page=2"}


@pytest.mark.parametrize("proxies", ["1", "2"])
def test_links_are_those_of_the_visitor_when_proxies_change_scheme_host_and_path(pod: Pod, proxies: str) -> None:
    crowd(pod, LISTS[0], 20)
    forwarded = {
        "X-Forwarded-For": "192.0.2.1, 192.0.2.2",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pod.example.com",
        "X-Forwarded-Prefix": "/community/",
    }
    app = create_app(settings(TRUSTED_PROXIES=proxies), pod.observed)
    response = call(app, LISTS[0], token_of(pod.database), headers=forwarded)
    assert links(response) == {"next": f"https://pod.example.com/community{LISTS[0].url()}?page=2"}


@each_list
def test_links_keep_the_suffix_json_when_the_list_was_asked_for_with_it(pod: Pod, route: Route) -> None:
    everyone = crowd(pod, route, 20)
    first = call(pod.app, route, token_of(pod.database), f"{route.url()}.json")
    assert authors(first) == everyone[:15]
    assert links(first) == {"next": f"http://localhost{route.url()}.json?page=2"}
    assert authors(call(pod.app, route, token_of(pod.database), links(first)["next"])) == everyone[15:]


@pytest.mark.parametrize("host", ["", "é", "a b", "<>", 'x"', "[::1]:8000", "x" * 3_000, "a\tb", "xn--", "..", "a:b:c"])
def test_answer_is_a_list_or_400_when_the_host_is_odd(pod: Pod, host: str) -> None:
    crowd(pod, LISTS[0], 40)
    headers = {"Host": host, "Authorization": f"Bearer {token_of(pod.database)}"}
    # Past the test client, which cannot read such a host itself.
    environ = EnvironBuilder(LISTS[0].url(), headers=headers).get_environ() | {"HTTP_HOST": host}
    body, status, sent = run_wsgi_app(pod.app, environ, buffered=True)
    assert status in {"200 OK", "400 BAD REQUEST"}
    assert len(json.loads(b"".join(body))) == (15 if status == "200 OK" else 2)
    assert sent.get("Link", "").isascii()
    assert re.fullmatch(r'(<([^<>" ]+)>; rel="next")?', sent.get("Link", ""))
