"""The host API of a real gunicorn: what the WSGI server makes of paths and bodies, and votes that meet."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from likes_client import Client, SessionCookie
from pymongo import MongoClient

from harness.documents import all_faults
from harness.nextauth import forge
from harness.raw_http import exchange
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.support.host import NO_VOTES
from tests.support.qa_votes import session_of
from tests.support.settings import NEXTAUTH_SECRET

DATABASE = "test_host_served"
IDS = ["a/b", "/", "//x", "a%2Fb", "%", "a b", "ü/ö", "?a=b", "#", "a//b/", "..", "vote", "x/vote", "a+b"]


@pytest.fixture(scope="module")
def url(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[str]:
    client[DATABASE]["questions"].insert_many({"_id": id_, **NO_VOTES} for id_ in [*IDS, "many"])
    settings = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": DATABASE,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
    }
    with running_server(settings) as url:
        yield url
    assert all_faults(client[DATABASE]) == []
    client.drop_database(DATABASE)


def request(url: str, line: str, body: bytes = b"", headers: bytes = b"", user: str = "ada") -> tuple[int, object]:
    """Send a request as it is written here, past whatever a client makes of a URL."""
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {session_of(user)}\r\n".encode()
    answer = exchange(url, head + headers + b"Content-Type: application/json\r\n\r\n" + body)
    return answer.status, answer.json


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


@pytest.mark.parametrize("id_", IDS)
def test_vote_is_on_the_target_whose_id_was_encoded(url: str, client: MongoClient[Document], id_: str) -> None:
    body = b'{"value": 1}'
    line = f"/api/targets/question/{quote(id_, safe='').replace('.', '%2E')}/vote"
    for changed in (True, False):
        expected = {"upvotes": 1, "downvotes": 0, "count": 1, "vote": 1, "changed": changed}
        assert request(url, f"PUT {line}", body, length(body)) == (200, expected)
    assert client[DATABASE]["questions"].find_one({"_id": id_})["likedBy"] == ["ada"]
    assert request(url, f"DELETE {line}") == (200, expected | {"upvotes": 0, "count": 0, "vote": 0, "changed": True})
    assert request(url, f"GET {line}") == (200, {"upvotes": 0, "downvotes": 0, "count": 0, "vote": 0})


@pytest.mark.parametrize(
    "path",
    [
        "//api/targets/question/many/vote",
        "/api/targets/question//many/vote",
        "/api/targets/question/a/b/vote",
        "/api%2Ftargets/question/many/vote",
        "/api/targets/question/many%2Fvote",
    ],
)
def test_path_with_other_slashes_is_404(url: str, path: str) -> None:
    body = b'{"value": 1}'
    assert request(url, f"PUT {path}", body, length(body)) == (404, {"error": "Not found"})


@pytest.mark.parametrize("chunked", [False, True])
def test_status_takes_128_kib_and_no_more_however_it_is_sent(url: str, chunked: bool) -> None:
    targets = [{"type": "question", "id": "many"}]
    for size, status in ((20_000, 200), (128 * 1024, 200), (128 * 1024 + 1, 413), (1_000_000, 413)):
        body = json.dumps({"targets": targets}).encode().ljust(size)
        if chunked:
            headers, sent = b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        else:
            headers, sent = length(body), body
        found, answer = request(url, "POST /api/votes/status", sent, headers)
        assert found == status
        assert answer == {"error": "Request entity too large"} or len(answer["targets"]) == 1  # type: ignore[index]
    for method in ("PUT", "DELETE"):
        assert request(url, f"{method} /api/targets/question/many/vote", b"x" * 16_385, length(b"x" * 16_385))[0] == 413


def test_every_vote_counts_once_when_many_set_theirs_again_and_again(url: str, client: MongoClient[Document]) -> None:
    def press(number: int) -> None:
        cookie = f"next-auth.session-token={forge.v4(NEXTAUTH_SECRET, claims(number))}"
        with Client(url, SessionCookie(cookie), timeout=20) as likes:
            for value in (1, 1, -1, 0, 0, -1, 1, 1):
                assert likes.set_vote(("question", "many"), value)["vote"] == value

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(press, range(12)))
    document = client[DATABASE]["questions"].find_one({"_id": "many"})
    assert document is not None
    assert sorted(document["likedBy"]) == sorted(f"user-{number}" for number in range(12))
    assert (document["upvotes"], document["downvotes"], document["dislikedBy"]) == (12, 0, [])


def claims(number: int) -> dict[str, object]:
    return {"sub": f"user-{number}", "exp": 4_000_000_000}
