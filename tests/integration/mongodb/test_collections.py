"""Our collections carry the prefix that the settings name, whichever way they are reached; the host's carry none."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from pymongo import MongoClient

from harness.documents import named_database
from likes_api.app import MAINTENANCE, create_app
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.server.deployment import ensure_indexes
from tests.support import settings
from tests.support.every_route import close_limiter
from tests.support.idempotency import KEY, UUID
from tests.support.qa_votes import post
from tests.support.simple_likes import Visitor

LINES = b"""\
{"kind":"entry","id":"e"}
{"kind":"post","guid":"p","author":"ada","public":true}
{"kind":"comment","guid":"c","post":"p","author":"ada"}
{"kind":"person","guid":"ada","diaspora_id":"ada@x","name":"Ada"}
{"kind":"question","id":"q_123","likedBy":["a","b","c"]}
{"kind":"message","id":"m"}
{"kind":"user","id":"ada"}
"""
OURS = {
    *(collections.ENTRIES, collections.POSTS, collections.COMMENTS, collections.PEOPLE, collections.TOKENS),
    *(collections.SETTINGS, collections.IDEMPOTENCY, collections.RATE_LIMITS, collections.VOTES, collections.MOVED),
    collections.AUDIT,
}


@pytest.fixture
def shared(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        yield database


def test_every_collection_is_prefixed_or_the_hosts_when_all_of_the_service_was_used(
    mongod: EmbeddedMongod, shared: Database
) -> None:
    environment = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": shared.name,
        "LIKES_SECRET_KEY": settings.SECRET_KEY,
        "LIKES_COLLECTION_PREFIX": "feedback_",
        "LIKES_QA_OVERFLOW_AT": "2",
    }

    def run(*arguments: str, stdin: bytes = b"") -> str:
        result = CliRunner().invoke(main, arguments, env=environment, input=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    run("import", "-", stdin=LINES)
    token = run("token", "create", "--person", "ada", "--scope", "public:read", "--scope", "interactions")
    run("session", "create", "--user", "ada")
    configured = settings.settings(
        RATELIMIT_ENABLED="true",
        RATELIMIT_STORAGE_URI=mongod.uri.replace("/?", f"/{shared.name}?"),
        GUEST_LIKES="true",
        COLLECTION_PREFIX="feedback_",
        QA_OVERFLOW_AT="2",
    )
    app = create_app(configured, shared)
    ensure_indexes(collections.with_prefix(shared, "feedback_"))
    assert post(app, headers={KEY: UUID}).get_json()["upvotes"] == 4
    assert Visitor(app).toggle("e").status_code == 200
    for url in ("/api/v1/posts/p/likes", "/api/v1/posts/p/comments/c/likes"):
        client = app.test_client()
        assert client.post(url, headers={"Authorization": f"Bearer {token}"}).status_code == 204
        assert len(client.get(url, headers={"Authorization": f"Bearer {token}"}).get_json()) == 1
    app.extensions[MAINTENANCE].stop()
    close_limiter(app)
    run("verify")
    assert set(shared.list_collection_names()) == {*collections.HOST, *(f"feedback_{name}" for name in OURS)}
