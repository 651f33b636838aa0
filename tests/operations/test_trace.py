"""A slow query can be traced to its request, and the log says nothing that it should not."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from harness.server import started_server
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from tests.support.qa_votes import BALLOT, COOKIE, URL, post, session_of
from tests.support.settings import NEXTAUTH_SECRET, settings

REQUEST_ID = "trace-me-7f0c"


@pytest.fixture
def profiled(database: Database) -> Iterator[Database]:
    database["questions"].insert_one({"_id": "q_123"})
    database.command("profile", 2)
    yield database
    database.command("profile", 0)


@pytest.mark.parametrize("key", [None, "a-key"])
def test_every_command_of_a_request_carries_its_id_when_the_profiler_looks(profiled: Database, key: str | None) -> None:
    app = create_app(settings(), profiled)
    headers = {"X-Request-ID": REQUEST_ID, "Cookie": f"{COOKIE}=no-such-session"}
    assert post(app, user=None, headers=headers).status_code == 401
    assert post(app, headers={"X-Request-ID": REQUEST_ID, "Idempotency-Key": key}).status_code == 200
    profile = list(profiled["system.profile"].find({"ns": {"$regex": r"\.(questions|sessions|idempotency)$"}}))
    seen = {each["op"] if each["op"] != "command" else next(iter(each["command"])) for each in profile}
    assert seen >= {"aggregate", "findAndModify"} or seen >= {"aggregate", "findandmodify"}
    assert {each["command"].get("comment") for each in profile} == {REQUEST_ID}


def test_log_has_one_line_for_each_request_and_nothing_of_the_client_in_it(
    mongod: EmbeddedMongod, database: Database
) -> None:
    database["questions"].insert_one({"_id": "q_123"})
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
    }
    session = session_of("zorro@example.org")
    headers = {
        "Cookie": session,
        "Authorization": "Basic z0q-token",
        "Idempotency-Key": "k3y-of-zoe",
        "X-Forwarded-For": "192.0.2.77",
        "User-Agent": "Curious/1.0",
        "X-Request-ID": REQUEST_ID,
    }
    voted: list[int] = []
    with started_server(variables) as server:
        for query in ("", "?access_token=z0q-token&email=zorro@example.org"):
            answer = requests.post(server.url + URL + query, json=BALLOT, headers=headers, timeout=60)
            assert answer.status_code in {200, 409}
            voted.append(answer.status_code)
        bearer = headers | {"Authorization": "Bearer z0q-token"}
        assert requests.post(server.url + URL, json=BALLOT, headers=bearer, timeout=60).status_code == 401
        requests.get(f"{server.url}/no/such?token=z0q-token", headers=headers, timeout=60)
        lines = [json.loads(line) for line in Path(server.log).read_text().splitlines()]
        text = Path(server.log).read_text()
    ours = [each for each in lines if each.get("request_id") == REQUEST_ID]
    assert [(each["method"], each["route"], each["status"]) for each in ours] == [
        *(("POST", URL, status) for status in voted),
        ("POST", URL, 401),
        ("GET", None, 404),
    ]
    assert all(0 < each["milliseconds"] < 5_000 for each in ours)
    for secret in ("zorro", "z0q-token", "k3y", "192.0.2.77", "Curious", "no/such", session.partition("=")[2][:20]):
        assert secret not in text, secret


def test_failure_is_logged_by_its_name_and_without_a_value_when_the_database_refuses(
    app: Flask, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database["questions"].insert_one({"_id": "q_123", "title": "secret"})
    database.command("collMod", "questions", validator={"title": {"$ne": "secret"}})
    try:
        with caplog.at_level(logging.INFO):
            assert post(app).status_code == 500
    finally:
        database.command("collMod", "questions", validator={})
    assert "secret" not in " ".join(f"{each.getMessage()} {each.__dict__}" for each in caplog.records)
    assert any(getattr(each, "failure", None) for each in caplog.records)
