"""``GET /api/counts`` of a real gunicorn, alone and behind Debian's nginx with the cache of ``deploy/nginx.conf``."""

import json
from collections.abc import Iterator

import pytest
import requests
from pymongo import MongoClient

from harness.gunicorn import eventually
from harness.nginx import running_nginx
from harness.raw_http import exchange
from harness.server import Server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.support.qa_votes import session_of

DATABASE = "test_counts_served"
MAX_AGE_SECONDS = 5
VISITOR = {"Cookie": session_of("ada"), "Authorization": "Bearer private", "X-Request-ID": "private"}


@pytest.fixture(scope="module")
def gunicorn(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[Server]:
    client[DATABASE]["likes_entries"].insert_one({"_id": "a", "upvotes": 1, "likedBy": ["ada"]})
    settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": DATABASE, "LIKES_TRUSTED_PROXIES": "1"}
    with started_server(settings) as server:
        yield server
    client.drop_database(DATABASE)


def counts(url: str, query: str, **headers: str) -> requests.Response:
    return requests.get(f"{url}/api/counts?{query}", headers=headers, timeout=60)


def statuses(server: Server) -> list[int]:
    """Return the status of each request for counts that came as far as gunicorn."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"/api/counts"' in line]
    return [line["status"] for line in lines]


@pytest.mark.parametrize(("length", "status"), [(8_190, 200), (8_191, 414)])
def test_request_line_may_be_8190_bytes_long(gunicorn: Server, length: int, status: int) -> None:
    start, end = b"GET /api/counts?target=entry:a", b" HTTP/1.1"
    parameters = b"&target=entry:" + b"x" * 200
    filler = parameters * 36
    filler += b"&target=entry:"
    line = start + filler + b"y" * (length - len(start + filler + end)) + end
    assert len(line) == length
    answer = exchange(gunicorn.url, line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.status == status
    if status == 200:
        assert list(answer.json["targets"]) == ["entry:a"]


def test_cache_answers_and_asks_again_and_keeps_nothing_private_when_it_stands_before_us(
    gunicorn: Server, client: MongoClient[Document]
) -> None:
    with running_nginx(gunicorn.url.removeprefix("http://")) as nginx:
        url = f"http://127.0.0.1:{nginx.plain_port}"
        before = len(statuses(gunicorn))
        first = counts(url, "target=entry:a", **VISITOR)
        answers = [first, *(counts(url, "target=entry:a") for _ in range(20))]
        assert counts(url, "target=entry:none").json() == {"targets": {}}
        # The cache has the one that went as far as gunicorn, by its request's id; a slow machine may see a second one.
        assert len(statuses(gunicorn)) - before <= 4
        assert len({answer.headers["X-Request-ID"] for answer in answers}) <= 3
        for answer in answers:
            assert answer.json() == {"targets": {"entry:a": {"upvotes": 1, "downvotes": 0, "count": 1}}}
            assert answer.headers["ETag"] == first.headers["ETag"]
            assert "Set-Cookie" not in answer.headers
            assert "private" not in str(answer.headers)
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        tag = first.headers["ETag"]
        known = counts(url, "target=entry:a", **{"If-None-Match": tag})
        assert (known.status_code, known.content) == (304, b"")

        # Older than five seconds, it is asked about by its ETag, and is still what it was.
        def asked_again() -> bool:
            assert counts(url, "target=entry:a").headers["ETag"] == tag
            return 304 in statuses(gunicorn)[before:]

        eventually(asked_again, "the cache asks whether its answer is still good", 20 * MAX_AGE_SECONDS)
        client[DATABASE]["likes_entries"].update_one({"_id": "a"}, {"$set": {"boost": 6}})
        eventually(
            lambda: counts(url, "target=entry:a").json()["targets"]["entry:a"]["count"] == 7,
            "the cache has the present counts",
            20 * MAX_AGE_SECONDS,
        )
