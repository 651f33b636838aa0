"""Contract 3's ``Link`` headers (RFC 8288): which pages they lead to, and what their URLs hold."""

import json
import re
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from likes_api.app import create_app
from tests.support.diaspora import (
    ALICE,
    CAROL,
    LISTS,
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
    kept = [(name, value) for name, value in query(f"?{sent}") if name != "page"]
    for relation, page in (("next", "3"), ("previous", "1")):
        assert query(found[relation]) == [*kept, ("page", page)]


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
