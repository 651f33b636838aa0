"""JSON Web Tokens as gunicorn serves them: keys at start, keys later, and a file that is wrong."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness.server import COMMAND, ROOT, Server, server_environment, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from tests.support.clock import stopwatch
from tests.support.issuer import Publisher, claims, elliptic, issuers_file, key_set, published, token
from tests.support.qa_votes import BALLOT, URL

OLD, NEW = elliptic("old"), elliptic("new")
REMOTE = {"algorithms": ["ES256"]}
WAIT_SECONDS = 30.0
AT_ONCE = 3.0


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with published(key_set(OLD)) as publisher:
        yield publisher


def variables(mongod: EmbeddedMongod, database: Database, issuers: str) -> dict[str, str]:
    return {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_RATELIMIT_ENABLED": "false",
        "LIKES_JWT_ISSUERS": issuers,
        "WEB_CONCURRENCY": "2",
    }


def vote(server: Server, presented: str) -> int:
    """Vote on a connection of its own, so that any worker may get it."""
    headers = {"Authorization": f"Bearer {presented}", "Connection": "close"}
    with stopwatch() as watch:
        response = requests.post(server.url + URL, json=BALLOT, headers=headers, timeout=60)
        assert watch.seconds < AT_ONCE
    return response.status_code


def until_taken(server: Server, presented: str, in_a_row: int = 8) -> None:
    end, taken = time.monotonic() + WAIT_SECONDS, 0
    while taken < in_a_row:
        status = vote(server, presented)
        assert status in {200, 401}
        taken = taken + 1 if status == 200 else 0
        assert time.monotonic() < end


def test_first_votes_are_taken_and_a_new_key_is_fetched_when_the_issuer_answers(
    mongod: EmbeddedMongod, database: Database, publisher: Publisher, tmp_path: Path
) -> None:
    file = issuers_file(tmp_path, REMOTE | {"jwks": publisher.url})
    with started_server(variables(mongod, database, file)) as server:
        assert {vote(server, token(OLD, "ES256", claims(f"u{number}"))) for number in range(16)} == {200}
        publisher.wait(lambda: publisher.answered == 2)  # each worker once
        publisher.document = key_set(NEW)
        end = time.monotonic() + WAIT_SECONDS
        while publisher.answered < 4:
            assert vote(server, token(NEW, "ES256")) in {200, 401}
            assert time.monotonic() < end
        until_taken(server, token(NEW, "ES256"))
        assert vote(server, token(OLD, "ES256")) == 401
        assert publisher.asked == 4


def test_service_serves_and_tokens_are_taken_when_the_issuer_comes_after_it(
    mongod: EmbeddedMongod, database: Database, tmp_path: Path
) -> None:
    with published() as gone:
        url = gone.url
    with started_server(variables(mongod, database, issuers_file(tmp_path, REMOTE | {"jwks": url}))) as server:
        assert '"key set not fetched"' in server.log.read_text()
        assert requests.get(f"{server.url}/readyz", timeout=5).status_code == 200
        # No request before: each worker's one question in a minute must not be spent while nobody is there.
        with published(key_set(OLD), port=int(url.split(":")[2].split("/")[0])):
            until_taken(server, token(OLD, "ES256"))


def test_server_does_not_start_and_names_the_fault_when_the_file_is_wrong(
    mongod: EmbeddedMongod, database: Database, tmp_path: Path
) -> None:
    environment = server_environment(
        variables(mongod, database, issuers_file(tmp_path, {"jwks": "http://secret.example/"}))
    )
    ended = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert "LIKES_JWT_ISSUERS: Issuer 1: jwks: Not an https URL" in ended.stderr
    assert "secret.example" not in ended.stderr


@pytest.fixture
def database(module_database: Database) -> Database:
    module_database["questions"].update_one({"_id": "q_123"}, {"$setOnInsert": {"upvotes": 0}}, upsert=True)
    return module_database
