"""Contract 3 when one person, or many, ask for the same at one moment, and on a real gunicorn."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

import pytest
import requests

from harness.documents import all_faults
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from tests.support import diaspora
from tests.support.diaspora import (
    BOB,
    LIKES,
    LISTS,
    PUBLIC,
    UNLIKES,
    Pod,
    Route,
    call,
    likers,
    set_likers,
    token_of,
)

AT_ONCE = 32


def at_once(request: Callable[[int], int]) -> Counter[int]:
    """Send 32 requests at one moment and count the statuses."""
    barrier = Barrier(AT_ONCE)

    def send(number: int) -> int:
        barrier.wait()
        return request(number)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(send, range(AT_ONCE)))


@pytest.fixture(scope="module")
def url(empty_pod: Pod, mongod: EmbeddedMongod) -> Iterator[str]:
    """A gunicorn with two workers on the pod's database."""
    variables = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": empty_pod.database.name}
    with running_server(variables) as url:
        yield url


@pytest.mark.parametrize("route", LIKES, ids=str)
@pytest.mark.parametrize("others", [0, 500])
def test_one_like_is_taken_when_one_person_sends_many_at_once(pod: Pod, route: Route, others: int) -> None:
    set_likers(pod.database, route, [f"person-{number}" for number in range(others)])
    token = token_of(pod.database)
    assert at_once(lambda _: call(pod.app, route, token).status_code) == {204: 1, 409: AT_ONCE - 1}
    assert likers(pod.database, route).count(BOB) == 1
    assert not all_faults(pod.database)


@pytest.mark.parametrize("route", UNLIKES, ids=str)
def test_one_unlike_is_taken_when_one_person_sends_many_at_once(pod: Pod, route: Route) -> None:
    set_likers(pod.database, route, ["x", BOB, "y"])
    token = token_of(pod.database)
    assert at_once(lambda _: call(pod.app, route, token).status_code) == {204: 1, 410: AT_ONCE - 1}
    assert likers(pod.database, route) == ["x", "y"]
    assert not all_faults(pod.database)


@pytest.mark.parametrize(
    ("route", "before", "refused"), [(LIKES[0], [], 409), (LIKES[1], [], 409), (UNLIKES[0], [BOB], 410)], ids=str
)
def test_one_request_is_taken_when_they_come_over_http_at_once(
    pod: Pod, url: str, route: Route, before: list[str], refused: int
) -> None:
    set_likers(pod.database, route, before)
    headers = {"Authorization": f"Bearer {token_of(pod.database)}"}

    def send(_: int) -> int:
        return requests.request(route.method, url + route.url(), headers=headers, timeout=60).status_code

    assert at_once(send) == {204: 1, refused: AT_ONCE - 1}
    assert likers(pod.database, route) == ([] if before else [BOB])
    assert not all_faults(pod.database)


def test_every_like_counts_when_many_people_like_and_unlike_at_once(pod: Pod, url: str) -> None:
    people = [f"person-{number:02}" for number in range(AT_ONCE)]
    pod.database["likes_people"].insert_many(
        [{"_id": guid, "diaspora_id": f"{guid}@x", "name": guid} for guid in people]
    )
    tokens = [token_of(pod.database, guid) for guid in people]

    def send(number: int) -> int:
        headers = {"Authorization": f"Bearer {tokens[number]}"}
        sent = [("POST", 204), ("POST", 409), ("DELETE", 204), ("DELETE", 410), ("POST", 204)][: 3 if number % 2 else 5]
        with requests.Session() as session:
            for method, expected in sent:
                answer = session.request(method, url + LIKES[0].url(), headers=headers, timeout=60)
                assert answer.status_code == expected
        return 0

    at_once(send)
    assert sorted(likers(pod.database, LIKES[0])) == people[::2]
    assert not all_faults(pod.database)


def test_links_lead_on_and_tokens_are_read_when_a_real_server_is_asked(pod: Pod, url: str) -> None:
    set_likers(pod.database, LISTS[0], [diaspora.ALICE, diaspora.CAROL, BOB])
    token = token_of(pod.database)
    walked, here = [], f"{url}/api/v1/posts/{PUBLIC}/likes?per_page=2&x=%FF"
    while here:
        answer = requests.get(here, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        walked += [like["author"]["guid"] for like in answer.json()]
        here = answer.links.get("next", {}).get("url", "")
    assert walked == [BOB, diaspora.ALICE, diaspora.CAROL]
    assert requests.get(f"{url}{LISTS[0].url()}", params={"access_token": token}, timeout=60).status_code == 200
    assert requests.delete(f"{url}{LISTS[0].url()}", data={"access_token": token}, timeout=60).status_code == 204
    twice = requests.post(f"{url}{LISTS[0].url()}?access_token={token}", data={"access_token": token}, timeout=60)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


def test_answer_is_in_the_dialect_when_a_request_is_one_that_no_client_library_sends(pod: Pod, url: str) -> None:
    set_likers(pod.database, LISTS[0], [BOB])
    path, bearer = LISTS[0].url().encode(), b"Authorization: Bearer " + token_of(pod.database).encode()
    form = b"Content-Type: application/x-www-form-urlencoded"
    too_long = b"Transfer-Encoding: chunked\r\n\r\n5000\r\n" + b"a" * 0x5000 + b"\r\n0"
    for request, status, said in (
        (b"GET " + path + b"?x=%FF%FE HTTP/1.1\r\nHost: x\r\n" + bearer, b"200", b'[{"guid":'),
        (b"GET " + path + b" HTTP/1.1\r\nHost: xn--\r\n" + bearer, b"200", b'[{"guid":'),
        (b"GET " + path + b" HTTP/1.0\r\n" + bearer, b"200", b'[{"guid":'),
        (
            b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + bearer + b"\r\n" + bearer,
            b"400",
            b'{"error":"invalid_request"',
        ),
        (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + bearer + b"\r\n" + too_long, b"413", b'{"code":413,'),
        (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + form + b"\r\n" + too_long, b"413", b'{"code":413,'),
    ):
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=60) as connection:
            connection.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + b"\r\n\r\n")
            answer = connection.makefile("rb").read()
        assert answer.split(b" ")[1] == status, answer
        assert said in answer
    assert likers(pod.database, LISTS[0]) == [BOB]
