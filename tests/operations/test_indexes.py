"""``likes-api indexes``, and what ``/readyz`` says of the indexes that the host's collections lack."""

from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database
from tests.support import host
from tests.support.settings import SECRET_KEY

EVERY = [f"{name}: {array}, _id" for name in ("questions", "messages") for array in ("likedBy", "dislikedBy")]


@pytest.fixture
def command(mongod: EmbeddedMongod, database: Database) -> "Command":
    return Command(mongod.uri, database.name)


class Command:
    def __init__(self, uri: str, name: str) -> None:
        self._environment = {
            "LIKES_MONGODB_URI": uri,
            "LIKES_MONGODB_DATABASE": name,
            "LIKES_SECRET_KEY": SECRET_KEY,
        }

    def run(self, *options: str) -> tuple[int, list[str]]:
        """Return the exit code, and the lines with single blanks."""
        result = CliRunner().invoke(main, ["indexes", *options], env=self._environment)
        return result.exit_code, [" ".join(line.split()) for line in result.stdout.splitlines()]


def _fill(database: Database, **options: Any) -> None:
    for name in ("questions", "messages"):
        database.drop_collection(name)
        database.create_collection(name, **options)


@pytest.mark.parametrize("collation", [None, {"locale": "de", "strength": 1}])
def test_indexes_of_the_host_are_listed_and_made_when_they_are_missing(
    command: Command, database: Database, collation: dict[str, object] | None
) -> None:
    _fill(database, **({} if collation is None else {"collation": collation}))
    assert command.run() == (1, [f"missing {each}" for each in EVERY])
    assert command.run("--create") == (0, [f"made {each}" for each in EVERY])
    assert command.run() == (0, [f"there {each}" for each in EVERY])
    assert command.run("--create") == (0, [f"there {each}" for each in EVERY])


def test_an_index_that_does_not_serve_every_query_is_missing(command: Command, database: Database) -> None:
    _fill(database)
    database["questions"].create_index([("likedBy", 1), ("_id", 1)], sparse=True, name="own")
    database["messages"].create_index([("likedBy", 1), ("_id", 1)], name="own")
    assert command.run()[1] == [f"{'there' if each == EVERY[2] else 'missing'} {each}" for each in EVERY]


def test_collections_that_are_not_there_are_left_alone(command: Command, database: Database) -> None:
    for name in ("questions", "messages"):
        database.drop_collection(name)
    assert command.run("--create")[0] == 0
    assert not set(database.list_collection_names()) & {"questions", "messages"}


def test_readiness_is_degraded_when_votes_are_listed_without_the_hosts_indexes(
    app: Flask, command: Command, database: Database
) -> None:
    _fill(database)

    def ready() -> tuple[int, dict[str, object]]:
        response = app.test_client().get("/readyz")
        return response.status_code, response.get_json()

    assert ready() == (200, {"status": "ok"})
    assert host.ADA.ask(app, "GET", "/api/me/votes?type=entry").status_code == 200
    assert ready() == (200, {"status": "ok"})
    assert host.ADA.ask(app, "GET", "/api/me/votes").status_code == 200
    missing = "questions.likedBy, questions.dislikedBy, messages.likedBy, messages.dislikedBy"
    assert ready() == (200, {"status": "ok", "degraded": {"indexes": f"missing: {missing}"}})
    assert command.run("--create")[0] == 0
    assert ready() == (200, {"status": "ok"})


def test_the_indexes_are_those_that_the_lists_are_read_by(database: Database, command: Command) -> None:
    _fill(database)
    command.run("--create")
    database["questions"].insert_many({"_id": f"q{n}", "likedBy": [f"u{n % 50}"]} for n in range(2_000))
    plan = database.command(
        "explain",
        {
            "find": "questions",
            "filter": {"likedBy": {"$in": ["u1"]}, "_id": {"$gte": ""}},
            "sort": {"_id": 1},
            "limit": 20,
            "projection": {"_id": 1},
            "collation": {"locale": "simple"},
        },
        verbosity="executionStats",
    )
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert collections.missing_host_indexes(database, "_id") == []
