"""The limit of a body, to the byte, on every contract of a real gunicorn: with its length, and in chunks."""

from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from harness.documents import named_database
from harness.raw_http import exchange
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.support import diaspora
from tests.support.every_route import ADMIN_TOKEN, populate
from tests.support.gunicorn import environment, session

LIMIT = 16 * 1024
LIKES = f"/api/v1/posts/{diaspora.PUBLIC}/likes"
ON_COMMENT = f"/api/v1/posts/{diaspora.PUBLIC}/comments/{diaspora.comment_on(diaspora.PUBLIC)}/likes"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
COOKIE = f"Cookie: next-auth.session-token={session()}"
# A request line, its headers, how its body begins, and the answers to two that are not too long, one after the other.
REQUESTS = {
    "qa_votes": ("POST /api/likes", [COOKIE, JSON], b'{"targetId":"q_123","targetType":"question"}', (200, 200)),
    "simple_likes": ("POST /!/simple-likes/none/toggle", ["Authorization: Bearer x", JSON], b"{}", (404, 404)),
    "diaspora": (f"POST {LIKES}", ["Authorization: Bearer TOKEN"], b"", (204, 409)),
    "diaspora list": (f"GET {LIKES}", ["Authorization: Bearer TOKEN"], b"", (200, 200)),
    "diaspora form": (f"POST {ON_COMMENT}", [FORM], b"access_token=TOKEN&x=", (204, 409)),
    "host": ("PUT /api/targets/question/q_123/vote", [COOKIE, JSON], b'{"value":-1}', (200, 200)),
    "host without a body": ("DELETE /api/targets/question/q_123/vote", [COOKIE], b"", (200, 200)),
    "admin": ("PUT /admin/targets/entry/x", [f"Authorization: Bearer {ADMIN_TOKEN}", JSON], b"{}", (201, 200)),
}


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[tuple[str, str]]:
    """A server, and a bearer token."""
    with named_database(client) as database:
        token = populate(database)
        with running_server(environment(mongod.uri, database.name)) as url:
            yield url, token


@pytest.mark.parametrize("name", REQUESTS)
def test_body_of_the_limit_is_taken_and_one_byte_more_is_refused_however_it_is_sent(
    server: tuple[str, str], name: str
) -> None:
    url, token = server
    line, headers, begin, expected = REQUESTS[name]
    for chunked in (False, True):
        for size, status in ((LIMIT, expected[chunked]), (LIMIT + 1, 413)):
            body = begin.replace(b"TOKEN", token.encode()).ljust(size)
            sent = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked else body
            length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
            fields = [f"{line} HTTP/1.1", "Host: localhost", "Connection: close", *headers, length, "", ""]
            answer = exchange(url, "\r\n".join(fields).replace("TOKEN", token).encode() + sent)
            assert (answer.status, chunked, size) == (status, chunked, size), answer.body
            if status == 413:
                assert "error" in answer.json or answer.json["code"] == 413
